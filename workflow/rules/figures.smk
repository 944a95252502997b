# Needs: the tables of analysis/, tokens/fidelity and the training log; nothing heavier.
# Makes: figures/, each as PDF, PNG and the CSV that it shows.


rule draw_kinetics:
    input:
        tables=lambda wildcards: sorted(
            {
                provided(wildcards.system, variant, "kinetics", f"kinetics/{file}")
                for variant in plan.systems[wildcards.system].variants
                for file in (*map("{}.csv".format, KINETIC_TABLES), "description.json")
            }
        ),
    output:
        pdf=expand("results/{{system}}/figures/{figure}.pdf", figure=KINETIC_FIGURES),
        csv=expand("results/{{system}}/figures/{figure}.csv", figure=KINETIC_FIGURES),
        png=report(
            expand("results/{{system}}/figures/{figure}.png", figure=KINETIC_FIGURES),
            caption="../report/kinetics.rst",
            category="{system}",
            subcategory="all models",
        ),
        table="results/{system}/figures/mfpt_table.csv",
        text="results/{system}/figures/mfpt_table.md",
        provenance="results/{system}/figures/provenance.json",
    log:
        "logs/{system}/draw_kinetics.log",
    wildcard_constraints:
        system=one_of(plan.kinetics()),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("draw_kinetics"),
        tables=lambda wildcards: {
            variant: provided(wildcards.system, variant, "kinetics", "kinetics")
            for variant in plan.systems[wildcards.system].variants
        },
    script:
        "../scripts/draw_kinetics.py"


rule draw_causal_trace:
    input:
        table=made_by("trace", "causal_trace/effects.csv"),
    output:
        pdf="results/{system}/{variant}/figures/causal_trace.pdf",
        csv="results/{system}/{variant}/figures/causal_trace.csv",
        png=report(
            "results/{system}/{variant}/figures/causal_trace.png",
            caption="../report/causal_trace.rst",
            category="{system}",
            subcategory="{variant}",
        ),
        provenance="results/{system}/{variant}/figures/causal_trace_provenance.json",
    log:
        "logs/{system}/{variant}/draw_causal_trace.log",
    wildcard_constraints:
        system=one_of(plan.kinetics()),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("draw_causal_trace"),
        about=lambda wildcards: plan.systems[wildcards.system].settings.description,
    script:
        "../scripts/draw_causal_trace.py"


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
    wildcard_constraints:
        system=one_of(plan.structures()),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("draw"),
    script:
        "../scripts/draw.py"
