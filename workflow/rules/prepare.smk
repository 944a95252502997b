# Needs: raw/sources.json.
# Makes: frames/, the backbone of every frame (PDB + XTC) and a table with time, segment and state; of a system whose
# kinetics are learned, chosen atoms of every frame and its collective variables.


rule prepare:
    input:
        sources="results/{system}/raw/sources.json",
        references=reference_files,
    output:
        topology="results/{system}/frames/backbone.pdb",
        trajectory="results/{system}/frames/backbone.xtc",
        frames="results/{system}/frames/frames.parquet",
        provenance="results/{system}/frames/provenance.json",
    log:
        "logs/{system}/prepare.log",
    wildcard_constraints:
        system=one_of(plan.structures()),
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=lambda wildcards: plan.systems[wildcards.system].prepare(),
    script:
        "../scripts/prepare.py"


rule prepare_series:
    input:
        sources="results/{system}/raw/sources.json",
    output:
        topology="results/{system}/frames/atoms.pdb",
        trajectory="results/{system}/frames/atoms.xtc",
        frames="results/{system}/frames/frames.parquet",
        provenance="results/{system}/frames/provenance.json",
    log:
        "logs/{system}/prepare.log",
    wildcard_constraints:
        system=one_of(TRAJECTORIES),
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=lambda wildcards: plan.systems[wildcards.system].prepare(),
    script:
        "../scripts/prepare_series.py"
