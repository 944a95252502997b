# Needs: the tokenizer, and rollout/codes.npz, or what a base has redrawn; a collection where model.tuning.mixed names it; the
# frames of another system where model.tuning.system does.
# Makes: redrawn/, training frames with spans redrawn by a base, and by nulls; ensemble/, structures of the generated
# frames and of all nulls, decoded alike.


rule redraw:
    input:
        unpack(prepared),
        codes=made_by("tokenize", "tokens/codes.npz"),
        collection=collection_read,
        taught=frames_learned_from,
    output:
        structures="results/{system}/{variant}/redrawn/structures.npz",
        record="results/{system}/{variant}/redrawn/redrawn.json",
        provenance="results/{system}/{variant}/redrawn/provenance.json",
    log:
        "logs/{system}/{variant}/redraw.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/redraw.tsv"
    conda:
        "../../envs/llm.yaml"
    params:
        settings=read_by("redraw"),
        taught=training_set_learned_from,
    script:
        "../scripts/redraw.py"


rule decode:
    input:
        rollout=where_it_runs("rollout", "rollout/codes.npz"),
        redrawn=made_by("redraw", "redrawn/structures.npz"),
        codes=made_by("tokenize", "tokens/codes.npz"),
        tokenizer=made_by("tokenize", "tokens/tokenizer"),
        topology=lambda wildcards: f"{of_system(wildcards).frames}/topology.pdb",
    output:
        topology="results/{system}/{variant}/ensemble/topology.pdb",
        ensembles=expand(
            "results/{{system}}/{{variant}}/ensemble/{file}", file=FILES.values()
        ),
        frames="results/{system}/{variant}/ensemble/frames.parquet",
        provenance="results/{system}/{variant}/ensemble/provenance.json",
    log:
        "logs/{system}/{variant}/decode.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/decode.tsv"
    conda:
        env_of_tokenizer
    params:
        code=code_of("decode", read_by("decode")),
        settings=read_by("decode"),
    script:
        "../scripts/decode.py"
