# Needs: results/collections/{collection}/ of the collection that config/bases/{base}.yaml names.
# Makes: results/bases/{base}/, one model over its proteins, with what it reaches on those held out, beside baselines.


rule base:
    input:
        proteins=lambda wildcards: f"results/collections/{of_base(wildcards).collection}/proteins.parquet",
        segments=lambda wildcards: f"results/collections/{of_base(wildcards).collection}/segments.parquet",
    output:
        weights="results/bases/{base}/base.safetensors",
        record="results/bases/{base}/base.json",
        training_log="results/bases/{base}/training_log.csv",
        provenance="results/bases/{base}/provenance.json",
    log:
        "logs/bases/{base}/base.log",
    benchmark:
        "results/benchmarks/bases/{base}/base.tsv"
    wildcard_constraints:
        base="[A-Za-z0-9_]+",
    conda:
        "../../envs/llm.yaml"
    threads: 2
    params:
        settings=lambda wildcards: of_base(wildcards).model_dump(mode="json"),
    script:
        "../scripts/base.py"


for name in base_names(Path("config")):

    rule:
        name:
            f"base_{name}"
        input:
            f"results/bases/{name}/base.safetensors",
