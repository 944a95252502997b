# Needs: frames/.
# Makes: tokens/, the tokenizer fitted on the training frames, their codes, and what the codes lose. Where residues are
# coded and kinetics.discretizer asks for it, discretization/, the whole MD in one code per frame.
# The fidelity is a rule of its own: a new collective variable or limit measures again, but fits and trains nothing.


rule tokenize:
    input:
        unpack(prepared),
        tokenizer=before("tokenize", "tokens/tokenizer"),
    output:
        codes="results/{system}/{variant}/tokens/codes.npz",
        tokenizer=directory("results/{system}/{variant}/tokens/tokenizer"),
        provenance="results/{system}/{variant}/tokens/provenance.json",
    log:
        "logs/{system}/{variant}/tokenize.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/tokenize.tsv"
    priority: 2
    conda:
        env_of_tokenizer
    params:
        settings=read_by("tokenize"),
        training_set=training_set,
        # Codes of residues do not depend on what is measured of a frame.
        observables=lambda wildcards: (
            None
            if of_system(wildcards).trained[wildcards.variant].decoded
            else of_system(wildcards).observables()
        ),
    script:
        "../scripts/tokenize.py"


rule fidelity:
    input:
        unpack(prepared),
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
        code=code_of("fidelity", read_by("fidelity"), observables),
        settings=read_by("fidelity"),
        training_set=training_set,
        observables=observables,
    script:
        "../scripts/fidelity.py"


rule discretize:
    input:
        unpack(prepared),
    output:
        codes="results/{system}/{variant}/discretization/codes.npz",
        tokenizer=directory("results/{system}/{variant}/discretization/tokenizer"),
        provenance="results/{system}/{variant}/discretization/provenance.json",
    log:
        "logs/{system}/{variant}/discretize.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/discretize.tsv"
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=read_by("discretize"),
        training_set=None,
        observables=observables,
    script:
        "../scripts/tokenize.py"


rule discretize_rollout:
    input:
        cvs=made_by("analyze", "analysis/cvs.parquet"),
        topology=made_by("decode", "ensemble/topology.pdb"),
        ensemble=made_by("decode", "ensemble/ensemble.xtc"),
        tokenizer=made_by("discretize", "discretization/tokenizer"),
    output:
        codes="results/{system}/{variant}/discretization/generated.npz",
        provenance="results/{system}/{variant}/discretization/generated_provenance.json",
    log:
        "logs/{system}/{variant}/discretize_rollout.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("discretize_rollout", read_by("discretize_rollout")),
        settings=read_by("discretize_rollout"),
        observables=observables,
    script:
        "../scripts/discretize_rollout.py"
