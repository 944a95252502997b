# Needs: the user's trajectory files, or the package index (once; then the cache).
# Makes: raw/sources.json, the list of raw files with their checksums and numbers of frames.


rule acquire:
    input:
        raw_files,
    output:
        sources="results/{system}/raw/sources.json",
        provenance="results/{system}/raw/provenance.json",
    log:
        "logs/{system}/acquire.log",
    priority: 2
    conda:
        "../../envs/analysis.yaml"
    params:
        source=lambda wildcards: of_system(wildcards)
        .raw_source()
        .model_dump(mode="json"),
    script:
        "../scripts/acquire.py"
