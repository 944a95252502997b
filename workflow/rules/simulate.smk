# Needs: for a structure by PDB id, RCSB or the cache; for a simulated system, its start structure. A GPU, if there is one.
# Makes: results/structures/, and raw/replica_N/ with topology, trajectory (without solvent) and log of each OpenMM
# simulation; for a model potential, the frames themselves.


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
    script:
        "../scripts/fetch_structure.py"


rule simulate:
    input:
        structure=lambda wildcards: plan.simulations()[wildcards.system].structure.path,
    output:
        topology="results/{system}/raw/replica_{replica}/topology.pdb",
        trajectory="results/{system}/raw/replica_{replica}/trajectory.xtc",
        log="results/{system}/raw/replica_{replica}/simulation.csv",
        provenance="results/{system}/raw/replica_{replica}/provenance.json",
    log:
        "logs/{system}/simulate_{replica}.log",
    benchmark:
        "results/benchmarks/{system}/simulate_{replica}.tsv"
    wildcard_constraints:
        replica=r"\d+",
    priority: 2
    conda:
        "../../envs/structures.yaml"
    params:
        source=lambda wildcards: plan.simulations()[wildcards.system]
        .of_replica(int(wildcards.replica))
        .model_dump(mode="json"),
    script:
        "../scripts/simulate.py"


rule simulate_potential:
    output:
        frames="results/{system}/frames/frames.parquet",
        provenance="results/{system}/frames/provenance.json",
    log:
        "logs/{system}/simulate.log",
    benchmark:
        "results/benchmarks/{system}/simulate.tsv"
    wildcard_constraints:
        system=one_of(plan.with_frames("potential")),
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        source=lambda wildcards: of_system(wildcards).settings.source.model_dump(
            mode="json"
        ),
        observables=observables,
    script:
        "../scripts/simulate_potential.py"
