# Needs: raw/sources.json; for a series of states, its files.
# Makes: frames/, what is kept of every raw frame (PDB + XTC: the backbone where residues are coded, else chosen atoms),
# and a table with time, segment, state and collective variables; of a series this table alone.


rule prepare:
    input:
        sources="results/{system}/raw/sources.json",
        references=reference_files,
    output:
        topology="results/{system}/frames/topology.pdb",
        trajectory="results/{system}/frames/trajectory.xtc",
        frames="results/{system}/frames/frames.parquet",
        slow="results/{system}/frames/slow.npz",
        provenance="results/{system}/frames/provenance.json",
    log:
        "logs/{system}/prepare.log",
    wildcard_constraints:
        system=one_of(plan.with_frames("atoms")),
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=lambda wildcards: of_system(wildcards).prepare(),
    script:
        "../scripts/prepare.py"


rule read_series:
    input:
        files=raw_files,
    output:
        frames="results/{system}/frames/frames.parquet",
        provenance="results/{system}/frames/provenance.json",
    log:
        "logs/{system}/prepare.log",
    wildcard_constraints:
        system=one_of(plan.with_frames("series")),
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        source=lambda wildcards: of_system(wildcards).settings.source.model_dump(
            mode="json"
        ),
        interval_ps=lambda wildcards: of_system(wildcards).settings.frame_interval_ps,
        observables=observables,
    script:
        "../scripts/read_series.py"
