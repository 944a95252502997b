# Needs: the tables that a section names in mdllm.page.registry, and the records of the stages that made them.
# Makes: page/, the frames that a page shows, with their structures; report.html, the page of a system; index.html.

# Bytes of a page that frames of all variants take together: what keeps it under 15 MB.
BYTES_OF_FRAMES = 12_000_000


rule sample_frames:
    input:
        unpack(prepared),
        ensembles=ensembles,
        index=made_by("decode", "ensemble/frames.parquet"),
        cvs=made_by("analyze", "analysis/cvs.parquet"),
        description=made_by("analyze", "analysis/description.json"),
        new_frames=made_by("novelty", "novelty/frames.parquet"),
    output:
        frames="results/{system}/{variant}/page/frames.parquet",
        structures="results/{system}/{variant}/page/structures.npz",
        about="results/{system}/{variant}/page/about.json",
        provenance="results/{system}/{variant}/page/provenance.json",
    log:
        "logs/{system}/{variant}/sample_frames.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("sample_frames"),
        most_bytes=lambda wildcards: BYTES_OF_FRAMES
        // len(of_system(wildcards).variants),
    script:
        "../scripts/sample_frames.py"


rule page:
    input:
        files_of_page,
    output:
        page="results/{system}/report.html",
        provenance="results/{system}/report_provenance.json",
    log:
        "logs/{system}/page.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("page", loads=[section.module for section in SECTIONS]),
        applies=applies_of_page,
        tables=tables_of_page,
        records=records_of_page,
    script:
        "../scripts/page.py"


rule index:
    input:
        expand("results/{system}/report.html", system=list(plan.systems)),
    output:
        index="results/index.html",
        provenance="results/index_provenance.json",
    log:
        "logs/index.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("index"),
    script:
        "../scripts/index.py"


rule report:
    input:
        rules.index.output.index,
        expand("results/{system}/report.html", system=list(plan.systems)),
