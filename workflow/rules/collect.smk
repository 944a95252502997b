# Needs: the files of config/collections/{collection}.yaml, in the cache, on this machine, or fetched; and, of the
# collections that it leaves out, proteins.parquet.
# Makes: results/collections/{collection}/, backbones of many proteins in shards, with sequences, clusters and splits.


rule collect:
    input:
        files=files_read,
        left_out=collections_left_out,
    output:
        proteins="results/collections/{collection}/proteins.parquet",
        segments="results/collections/{collection}/segments.parquet",
        shards=directory("results/collections/{collection}/shards"),
        left_out="results/collections/{collection}/left_out.csv",
        provenance="results/collections/{collection}/provenance.json",
    log:
        "logs/collections/{collection}/collect.log",
    benchmark:
        "results/benchmarks/collections/{collection}/collect.tsv"
    wildcard_constraints:
        collection="[A-Za-z0-9_]+",
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    params:
        settings=lambda wildcards: of_collection(wildcards).model_dump(mode="json"),
        systems=systems_left_out,
    script:
        "../scripts/collect.py"


for name in collection_names(Path("config")):

    rule:
        name:
            f"collect_{name}"
        input:
            f"results/collections/{name}/proteins.parquet",
