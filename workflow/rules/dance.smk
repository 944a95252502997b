# Needs: the collection that config/dances/{dance}.yaml names, or its HDF5 files.
# Makes: results/dances/{dance}/, models of dynamic properties, one from each seed, and what they reach on proteins held out,
# beside baselines; results/{system}/dances/{dance}/, what such a model says of a system, beside its MD.

PREDICTED = [name for name, system in plan.known.items() if system.decoded]


rule dance:
    input:
        unpack(read_by_dance),
    output:
        record="results/dances/{dance}/dance.json",
        validation="results/dances/{dance}/validation.csv",
        proteins="results/dances/{dance}/proteins.csv",
        training_log="results/dances/{dance}/training_log.csv",
        provenance="results/dances/{dance}/provenance.json",
    log:
        "logs/dances/{dance}/dance.log",
    benchmark:
        "results/benchmarks/dances/{dance}/dance.tsv"
    wildcard_constraints:
        dance="[A-Za-z0-9_]+",
    conda:
        "../../envs/llm.yaml"
    threads: 1
    params:
        settings=lambda wildcards: of_dance(wildcards).model_dump(mode="json"),
    script:
        "../scripts/dance.py"


rule predict:
    input:
        topology="results/{system}/frames/topology.pdb",
        trajectory="results/{system}/frames/trajectory.xtc",
        record="results/dances/{dance}/dance.json",
    output:
        residues="results/{system}/dances/{dance}/residues.parquet",
        maps="results/{system}/dances/{dance}/maps/system.npz",
        about="results/{system}/dances/{dance}/prediction.json",
        md="results/{system}/dances/{dance}/md.parquet",
        md_maps="results/{system}/dances/{dance}/md.npz",
        agreement="results/{system}/dances/{dance}/agreement.csv",
        proteins="results/{system}/dances/{dance}/proteins.csv",
        provenance="results/{system}/dances/{dance}/provenance.json",
    log:
        "logs/{system}/dances/{dance}/predict.log",
    benchmark:
        "results/benchmarks/{system}/dances/{dance}/predict.tsv"
    wildcard_constraints:
        system=one_of(PREDICTED),
        dance="[A-Za-z0-9_]+",
    conda:
        "../../envs/llm.yaml"
    threads: 1
    params:
        code=code_of("predict"),
    script:
        "../scripts/predict.py"


rule draw_predicted:
    input:
        residues="results/{system}/dances/{dance}/residues.parquet",
        maps="results/{system}/dances/{dance}/maps/system.npz",
        about="results/{system}/dances/{dance}/prediction.json",
        md="results/{system}/dances/{dance}/md.parquet",
        md_maps="results/{system}/dances/{dance}/md.npz",
    output:
        profile="results/{system}/dances/{dance}/figures/system_profile.png",
        provenance="results/{system}/dances/{dance}/figures/provenance.json",
    log:
        "logs/{system}/dances/{dance}/draw_predicted.log",
    wildcard_constraints:
        system=one_of(PREDICTED),
        dance="[A-Za-z0-9_]+",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("draw_predicted"),
    script:
        "../scripts/draw_predicted.py"


for name in dance_names(Path("config")):

    rule:
        name:
            f"dance_{name}"
        input:
            f"results/dances/{name}/dance.json",

    rule:
        name:
            f"predict_{name}"
        input:
            expand(
                "results/{system}/dances/{dance}/figures/system_profile.png",
                system=[name for name in PREDICTED if name in plan.systems],
                dance=name,
            ),
