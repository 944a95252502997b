# Needs: discrete trajectories, one code per frame: tokens/ and rollout/, or, where residues are coded, discretization/.
# Makes: md_kinetics/ and exact/ (of a model potential), which need those of MD only; kinetics/; causal_trace/ and
# kinetic_distance/ of a nanogpt.


rule exact:
    input:
        tokenizer=made_by("tokenize", "tokens/tokenizer"),
    output:
        populations="results/{system}/{variant}/exact/populations.csv",
        timescales="results/{system}/{variant}/exact/timescales.csv",
        mfpt="results/{system}/{variant}/exact/mfpt.csv",
        provenance="results/{system}/{variant}/exact/provenance.json",
    log:
        "logs/{system}/{variant}/exact.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("exact", read_by("exact")),
        settings=read_by("exact"),
        source=lambda wildcards: of_system(wildcards).settings.source.model_dump(
            mode="json"
        ),
        observables=observables,
    script:
        "../scripts/exact.py"


rule md_kinetics:
    input:
        codes=series("codes.npz"),
        tokenizer=series("tokenizer"),
    output:
        tables=expand(
            "results/{{system}}/{{variant}}/md_kinetics/{table}.csv",
            table=KINETIC_TABLES,
        ),
        provenance="results/{system}/{variant}/md_kinetics/provenance.json",
    log:
        "logs/{system}/{variant}/md_kinetics.log",
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("md_kinetics"),
        settings=read_by("md_kinetics"),
    script:
        "../scripts/md_kinetics.py"


rule kinetics:
    input:
        codes=series("codes.npz"),
        tokenizer=series("tokenizer"),
        md=lambda wildcards: [
            provided(*wildcards, "md_kinetics", f"md_kinetics/{table}.csv")
            for table in KINETIC_TABLES
        ],
        models=made_by_trainings("train", "model"),
        rollouts=generated,
        exact=lambda wildcards: (
            [
                provided(*wildcards, "exact", f"exact/{table}.csv")
                for table in ("populations", "timescales", "mfpt")
            ]
            if of_system(wildcards).frames_are == "potential"
            else []
        ),
    output:
        tables=expand(
            "results/{{system}}/{{variant}}/kinetics/{table}.csv", table=KINETIC_TABLES
        ),
        description="results/{system}/{variant}/kinetics/description.json",
        provenance="results/{system}/{variant}/kinetics/provenance.json",
    log:
        "logs/{system}/{variant}/kinetics.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/kinetics.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("kinetics"),
        settings=read_by("kinetics"),
        about=about,
    script:
        "../scripts/kinetics.py"


rule causal_trace:
    input:
        codes=made_by("tokenize", "tokens/codes.npz"),
        model=made_by("train", "model"),
    output:
        table="results/{system}/{variant}/causal_trace/effects.csv",
        provenance="results/{system}/{variant}/causal_trace/provenance.json",
    log:
        "logs/{system}/{variant}/causal_trace.log",
    conda:
        "../../envs/llm.yaml"
    params:
        code=code_of("causal_trace", read_by("trace")),
        settings=read_by("trace"),
    script:
        "../scripts/causal_trace.py"


rule kinetic_distance:
    input:
        codes=made_by("tokenize", "tokens/codes.npz"),
        tokenizer=made_by("tokenize", "tokens/tokenizer"),
        model=made_by("train", "model"),
    output:
        pairs="results/{system}/{variant}/kinetic_distance/pairs.csv",
        agreement="results/{system}/{variant}/kinetic_distance/agreement.csv",
        provenance="results/{system}/{variant}/kinetic_distance/provenance.json",
    log:
        "logs/{system}/{variant}/kinetic_distance.log",
    conda:
        "../../envs/llm.yaml"
    params:
        code=code_of("kinetic_distance", read_by("kinetic_distance")),
        settings=read_by("kinetic_distance"),
    script:
        "../scripts/kinetic_distance.py"
