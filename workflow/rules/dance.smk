# Needs: the collection that config/dances/{dance}.yaml names, or its HDF5 files.
# Makes: results/dances/{dance}/, models of dynamic properties, one from each seed, and what they reach on proteins held out,
# beside baselines.


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


for name in dance_names(Path("config")):

    rule:
        name:
            f"dance_{name}"
        input:
            f"results/dances/{name}/dance.json",
