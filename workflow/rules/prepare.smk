# Needs: raw/sources.json.
# Makes: frames/, the backbone of every frame (PDB + XTC) and a table with time, segment and state.


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
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=lambda wildcards: plan.systems[wildcards.system].prepare(),
    script:
        "../scripts/prepare.py"
