# Needs: frames/, ensemble/, tokens/, model/ and the reference structures; for the summary all that the stages have made.
# Makes: analysis/, the tables of discovery and quality; novelty/, what is new without being named; dynamics/, how
# generated frames move beside MD; and summary.json, every number that a figure or a page quotes.


rule analyze:
    input:
        unpack(prepared),
        # Not read. A new variable concerns both, and Snakemake asks no job for reasons of its own if one that it waits for,
        # as training does for the fidelity, has to run.
        fidelity=made_by("fidelity", "tokens/fidelity.json"),
        codes=made_by("tokenize", "tokens/codes.npz"),
        losses=losses,
        ensembles=ensembles,
        index=made_by("decode", "ensemble/frames.parquet"),
        references=reference_files,
    output:
        cvs="results/{system}/{variant}/analysis/cvs.parquet",
        references="results/{system}/{variant}/analysis/references.csv",
        quality="results/{system}/{variant}/analysis/quality.csv",
        quality_frames="results/{system}/{variant}/analysis/quality_frames.parquet",
        discovery="results/{system}/{variant}/analysis/discovery.csv",
        description="results/{system}/{variant}/analysis/description.json",
        provenance="results/{system}/{variant}/analysis/provenance.json",
    log:
        "logs/{system}/{variant}/analyze.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/analyze.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("analyze", observables),
        settings=read_by("analyze"),
        training_set=training_set,
        about=about,
        plane=lambda wildcards: of_system(wildcards).settings.plane,
        observables=observables,
    script:
        "../scripts/analyze.py"


rule novelty:
    input:
        unpack(prepared),
        codes=made_by("tokenize", "tokens/codes.npz"),
        tokenizer=made_by("tokenize", "tokens/tokenizer"),
        losses=losses,
        ensembles=ensembles,
        index=made_by("decode", "ensemble/frames.parquet"),
        quality=made_by("analyze", "analysis/quality.csv"),
        quality_frames=made_by("analyze", "analysis/quality_frames.parquet"),
        description=made_by("analyze", "analysis/description.json"),
    output:
        frames="results/{system}/{variant}/novelty/frames.parquet",
        tables=expand(
            "results/{{system}}/{{variant}}/novelty/{table}.csv", table=NOVELTY_TABLES
        ),
        about="results/{system}/{variant}/novelty/novelty.json",
        structures=directory("results/{system}/{variant}/novelty/structures"),
        provenance="results/{system}/{variant}/novelty/provenance.json",
    log:
        "logs/{system}/{variant}/novelty.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/novelty.tsv"
    conda:
        env_of_tokenizer
    params:
        code=code_of("novelty", read_by("novelty")),
        settings=read_by("novelty"),
    script:
        "../scripts/novelty.py"


rule dynamics:
    input:
        unpack(prepared),
        codes=made_by("tokenize", "tokens/codes.npz"),
        ensembles=ensembles,
        index=made_by("decode", "ensemble/frames.parquet"),
    output:
        tables=expand(
            "results/{{system}}/{{variant}}/dynamics/{table}.csv",
            table=DYNAMICS_TABLES,
        ),
        matrices="results/{system}/{variant}/dynamics/matrices.npz",
        about="results/{system}/{variant}/dynamics/dynamics.json",
        provenance="results/{system}/{variant}/dynamics/provenance.json",
    log:
        "logs/{system}/{variant}/dynamics.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/dynamics.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("dynamics"),
        settings=read_by("dynamics"),
    script:
        "../scripts/dynamics.py"


rule properties:
    input:
        unpack(prepared),
        sources="results/{system}/raw/sources.json",
    output:
        tables=expand(
            "results/{{system}}/{{variant}}/properties/{table}.csv",
            table=("residues", "pairs"),
        ),
        arrays="results/{system}/{variant}/properties/properties.npz",
        provenance="results/{system}/{variant}/properties/provenance.json",
    log:
        "logs/{system}/{variant}/properties.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/properties.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("properties"),
        settings=read_by("properties"),
        selection=lambda wildcards: of_system(wildcards).settings.selection,
    script:
        "../scripts/properties.py"


rule summarize:
    input:
        codes=made_by("tokenize", "tokens/codes.npz"),
        models=made_by_trainings("train", "model"),
        rollout=rollout_or_redrawn,
        base=lambda wildcards: [] if continues(wildcards) else losses(wildcards),
        fidelity=where_it_runs("fidelity", "tokens/fidelity.json"),
        quality=where_it_runs("analyze", "analysis/quality.csv"),
        discovery=where_it_runs("analyze", "analysis/discovery.csv"),
        novelty=lambda wildcards: [
            path
            for table in (*map("{}.csv".format, NOVELTY_TABLES), "novelty.json")
            for path in where_it_runs("novelty", f"novelty/{table}")(wildcards)
        ],
        dynamics=lambda wildcards: [
            path
            for table in ("agreement.csv", "dynamics.json")
            for path in where_it_runs("dynamics", f"dynamics/{table}")(wildcards)
        ],
        verification=lambda wildcards: [
            path
            for table in ("proposals.csv", "verdict.json")
            for path in where_it_runs("verify", f"verification/{table}")(wildcards)
        ],
        kinetics=lambda wildcards: [
            path
            for table in (*map("{}.csv".format, KINETIC_TABLES), "description.json")
            for path in where_it_runs("kinetics", f"kinetics/{table}")(wildcards)
        ],
    output:
        summary="results/{system}/{variant}/summary.json",
        provenance="results/{system}/{variant}/summary_provenance.json",
    log:
        "logs/{system}/{variant}/summarize.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("summarize"),
        settings=read_by("summarize"),
        about=about,
        conditions=lambda wildcards: plan.conditions(*wildcards),
    script:
        "../scripts/summarize.py"
