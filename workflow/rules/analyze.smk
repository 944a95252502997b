# Needs: frames/, ensemble/, tokens/, model/, rollout/ and the reference structures.
# Makes: analysis/, every table that a figure needs, and summary.json.


rule analyze:
    input:
        topology="results/{system}/frames/backbone.pdb",
        trajectory="results/{system}/frames/backbone.xtc",
        frames="results/{system}/frames/frames.parquet",
        codes=made_by("tokenize", "tokens/codes.npz"),
        fidelity=made_by("fidelity", "tokens/fidelity.json"),
        model=made_by("finetune", "model"),
        rollout=made_by("rollout", "rollout/codes.npz"),
        ensemble=made_by("decode", "ensemble/ensemble.xtc"),
        roundtrip=made_by("decode", "ensemble/roundtrip.xtc"),
        frequencies=made_by("decode", "ensemble/frequencies.xtc"),
        index=made_by("decode", "ensemble/frames.parquet"),
        references=reference_files,
    output:
        cvs="results/{system}/{variant}/analysis/cvs.parquet",
        references="results/{system}/{variant}/analysis/references.csv",
        quality="results/{system}/{variant}/analysis/quality.csv",
        quality_frames="results/{system}/{variant}/analysis/quality_frames.parquet",
        discovery="results/{system}/{variant}/analysis/discovery.csv",
        description="results/{system}/{variant}/analysis/description.json",
        summary="results/{system}/{variant}/summary.json",
        provenance="results/{system}/{variant}/analysis/provenance.json",
    log:
        "logs/{system}/{variant}/analyze.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/analyze.tsv"
    wildcard_constraints:
        system=one_of(plan.structures()),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("analyze"),
        settings=read_by("analyze"),
        training_set=training_set,
        system=lambda wildcards: plan.systems[wildcards.system].knowledge(),
    script:
        "../scripts/analyze.py"
