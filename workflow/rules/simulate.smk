# Needs: for a structure by PDB id, RCSB or the cache; for a simulated system, its start structure. A GPU, if there is one.
# Makes: results/structures/, and raw/ with topology, trajectory (without solvent) and log of an OpenMM simulation.


rule fetch_structure:
    output:
        structure="results/structures/{pdb_id}.pdb",
        provenance="results/structures/{pdb_id}_provenance.json",
    log:
        "logs/structures/{pdb_id}.log",
    wildcard_constraints:
        pdb_id="[1-9][a-z0-9]{3}",
    localrule: True
    conda:
        "../../envs/structures.yaml"
    params:
        cache=CACHE,
    script:
        "../scripts/fetch_structure.py"


rule simulate:
    input:
        structure=lambda wildcards: plan.systems[
            wildcards.system
        ].settings.source.structure.path,
    output:
        topology="results/{system}/raw/topology.pdb",
        trajectory="results/{system}/raw/trajectory.xtc",
        log="results/{system}/raw/simulation.csv",
        provenance="results/{system}/raw/simulation_provenance.json",
    log:
        "logs/{system}/simulate.log",
    conda:
        "../../envs/structures.yaml"
    params:
        source=lambda wildcards: plan.systems[
            wildcards.system
        ].settings.source.model_dump(mode="json"),
    script:
        "../scripts/simulate.py"
