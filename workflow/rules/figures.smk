# Needs: the tables of analysis/, tokens/fidelity and the training log; nothing heavier.
# Makes: figures/, each as PDF, PNG and the CSV that it shows.


rule draw:
    input:
        cvs=made_by("analyze", "analysis/cvs.parquet"),
        references=made_by("analyze", "analysis/references.csv"),
        quality=made_by("analyze", "analysis/quality.csv"),
        discovery=made_by("analyze", "analysis/discovery.csv"),
        description=made_by("analyze", "analysis/description.json"),
        fidelity_table=made_by("fidelity", "tokens/fidelity.csv"),
        training_log=made_by("finetune", "training_log.csv"),
        summary=made_by("analyze", "summary.json"),
        style=STYLE,
    output:
        pdf=expand(
            "results/{{system}}/{{variant}}/figures/{figure}.pdf", figure=FIGURES
        ),
        csv=expand(
            "results/{{system}}/{{variant}}/figures/{figure}.csv", figure=FIGURES
        ),
        plane=report(
            "results/{system}/{variant}/figures/plane.png",
            caption="../report/plane.rst",
            category="{system}",
            subcategory="{variant}",
            labels={"figure": "plane"},
        ),
        time_series=report(
            "results/{system}/{variant}/figures/time_series.png",
            caption="../report/time_series.rst",
            category="{system}",
            subcategory="{variant}",
            labels={"figure": "time series"},
        ),
        loss=report(
            "results/{system}/{variant}/figures/loss.png",
            caption="../report/loss.rst",
            category="{system}",
            subcategory="{variant}",
            labels={"figure": "loss"},
        ),
        fidelity=report(
            "results/{system}/{variant}/figures/fidelity.png",
            caption="../report/fidelity.rst",
            category="{system}",
            subcategory="{variant}",
            labels={"figure": "fidelity"},
        ),
        discovery=report(
            "results/{system}/{variant}/figures/discovery.png",
            caption="../report/discovery.rst",
            category="{system}",
            subcategory="{variant}",
            labels={"figure": "discovery"},
        ),
        quality=report(
            "results/{system}/{variant}/figures/quality.png",
            caption="../report/quality.rst",
            category="{system}",
            subcategory="{variant}",
            labels={"figure": "quality"},
        ),
        provenance="results/{system}/{variant}/figures/provenance.json",
    log:
        "logs/{system}/{variant}/draw.log",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/draw.py"
