# Needs: rollout/codes.npz and the tokenizer.
# Makes: ensemble/, structures of the generated frames and of both null models, all decoded alike.


rule decode:
    input:
        rollout=made_by("rollout", "rollout/codes.npz"),
        codes=made_by("tokenize", "tokens/codes.npz"),
        tokenizer=made_by("tokenize", "tokens/tokenizer"),
        topology="results/{system}/frames/topology.pdb",
    output:
        topology="results/{system}/{variant}/ensemble/topology.pdb",
        ensemble="results/{system}/{variant}/ensemble/ensemble.xtc",
        roundtrip="results/{system}/{variant}/ensemble/roundtrip.xtc",
        frequencies="results/{system}/{variant}/ensemble/frequencies.xtc",
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
