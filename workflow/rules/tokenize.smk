# Needs: frames/.
# Makes: tokens/, the tokenizer fitted on the training frames, their codes, and what the codes lose.
# The fidelity is a rule of its own: a new collective variable or limit measures again, but fits and trains nothing.


rule tokenize:
    input:
        topology="results/{system}/frames/backbone.pdb",
        trajectory="results/{system}/frames/backbone.xtc",
        frames="results/{system}/frames/frames.parquet",
    output:
        codes="results/{system}/{variant}/tokens/codes.npz",
        tokenizer=directory("results/{system}/{variant}/tokens/tokenizer"),
        provenance="results/{system}/{variant}/tokens/provenance.json",
    log:
        "logs/{system}/{variant}/tokenize.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/tokenize.tsv"
    wildcard_constraints:
        system=one_of(plan.structures()),
    priority: 2
    conda:
        env_of_tokenizer
    params:
        settings=read_by("tokenize"),
        training_set=training_set,
    script:
        "../scripts/tokenize.py"


rule fidelity:
    input:
        topology="results/{system}/frames/backbone.pdb",
        trajectory="results/{system}/frames/backbone.xtc",
        frames="results/{system}/frames/frames.parquet",
        codes="results/{system}/{variant}/tokens/codes.npz",
        tokenizer="results/{system}/{variant}/tokens/tokenizer",
        references=reference_files,
    output:
        fidelity="results/{system}/{variant}/tokens/fidelity.json",
        table="results/{system}/{variant}/tokens/fidelity.csv",
        provenance="results/{system}/{variant}/tokens/fidelity_provenance.json",
    log:
        "logs/{system}/{variant}/fidelity.log",
    conda:
        env_of_tokenizer
    params:
        code=code_of("fidelity"),
        settings=read_by("fidelity"),
        training_set=training_set,
        observables=observables,
    script:
        "../scripts/fidelity.py"


rule tokenize_series:
    input:
        frames="results/{system}/frames/frames.parquet",
        atoms=lambda wildcards: (
            [
                f"results/{wildcards.system}/frames/atoms.{ending}"
                for ending in ("pdb", "xtc")
            ]
            if wildcards.system in TRAJECTORIES
            else []
        ),
    output:
        codes="results/{system}/{variant}/tokens/codes.npz",
        codebook="results/{system}/{variant}/tokens/codebook.csv",
        tokenizer=directory("results/{system}/{variant}/tokens/tokenizer"),
        provenance="results/{system}/{variant}/tokens/provenance.json",
    log:
        "logs/{system}/{variant}/tokenize.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/tokenize.tsv"
    wildcard_constraints:
        system=one_of(plan.kinetics()),
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=read_by("tokenize"),
        system=lambda wildcards: plan.systems[wildcards.system].knowledge(),
    script:
        "../scripts/tokenize_series.py"
