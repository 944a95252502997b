# Needs: raw/sources.json.
# Makes: frames/, what is kept of every raw frame (PDB + XTC: the backbone where residues are coded, else chosen atoms),
# and a table with time, segment, state and collective variables.


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
        system=one_of(set(plan.systems) - set(plan.potentials())),
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=lambda wildcards: of_system(wildcards).prepare(),
    script:
        "../scripts/prepare.py"
