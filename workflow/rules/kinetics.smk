# Needs: tokens/, model/ and rollout/ of a system whose kinetics are learned.
# Makes: md_kinetics/ and exact/ (of a model potential), which need tokens/ only; kinetics/ and summary.json; and
# causal_trace/ of a nanogpt.


rule exact:
    input:
        codebook=made_by("tokenize", "tokens/codebook.csv"),
        tokenizer=made_by("tokenize", "tokens/tokenizer"),
    output:
        populations="results/{system}/{variant}/exact/populations.csv",
        timescales="results/{system}/{variant}/exact/timescales.csv",
        mfpt="results/{system}/{variant}/exact/mfpt.csv",
        provenance="results/{system}/{variant}/exact/provenance.json",
    log:
        "logs/{system}/{variant}/exact.log",
    wildcard_constraints:
        system=one_of(POTENTIALS),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("exact"),
        settings=read_by("exact"),
        system=lambda wildcards: plan.systems[wildcards.system].knowledge(),
    script:
        "../scripts/exact.py"


rule md_kinetics:
    input:
        codes=made_by("tokenize", "tokens/codes.npz"),
        codebook=made_by("tokenize", "tokens/codebook.csv"),
    output:
        tables=expand(
            "results/{{system}}/{{variant}}/md_kinetics/{table}.csv",
            table=KINETIC_TABLES,
        ),
        provenance="results/{system}/{variant}/md_kinetics/provenance.json",
    log:
        "logs/{system}/{variant}/md_kinetics.log",
    wildcard_constraints:
        system=one_of(plan.kinetics()),
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
        codes=made_by("tokenize", "tokens/codes.npz"),
        codebook=made_by("tokenize", "tokens/codebook.csv"),
        md=lambda wildcards: [
            provided(*wildcards, "md_kinetics", f"md_kinetics/{table}.csv")
            for table in KINETIC_TABLES
        ],
        models=made_by_trainings("finetune", "model"),
        rollouts=made_by_trainings("rollout", "rollout/codes.npz"),
        exact=lambda wildcards: (
            [
                provided(*wildcards, "exact", f"exact/{table}.csv")
                for table in ("populations", "timescales", "mfpt")
            ]
            if wildcards.system in POTENTIALS
            else []
        ),
    output:
        tables=expand(
            "results/{{system}}/{{variant}}/kinetics/{table}.csv", table=KINETIC_TABLES
        ),
        description="results/{system}/{variant}/kinetics/description.json",
        summary="results/{system}/{variant}/summary.json",
        provenance="results/{system}/{variant}/kinetics/provenance.json",
    log:
        "logs/{system}/{variant}/kinetics.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/kinetics.tsv"
    wildcard_constraints:
        system=one_of(plan.kinetics()),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("kinetics"),
        settings=read_by("kinetics"),
        about=lambda wildcards: plan.systems[wildcards.system].settings.description,
    script:
        "../scripts/kinetics.py"


rule causal_trace:
    input:
        codes=made_by("tokenize", "tokens/codes.npz"),
        model=made_by("finetune", "model"),
    output:
        table="results/{system}/{variant}/causal_trace/effects.csv",
        provenance="results/{system}/{variant}/causal_trace/provenance.json",
    log:
        "logs/{system}/{variant}/causal_trace.log",
    wildcard_constraints:
        system=one_of(plan.kinetics()),
    conda:
        "../../envs/llm.yaml"
    params:
        code=code_of("causal_trace"),
        settings=read_by("trace"),
    script:
        "../scripts/causal_trace.py"
