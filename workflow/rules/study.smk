# Needs: of every run of config/studies/{study}.yaml the files that its measures read, and so the stages before them.
# Makes: results/study_{study}/: the runs themselves, runs.csv, study.csv, and a figure per measure and per plane.


rule study:
    input:
        lambda wildcards: sorted(
            {
                path
                for run in of_study(wildcards).table()
                for path in run["files"].values()
            }
        ),
    output:
        runs="results/study_{study}/runs.csv",
        study="results/study_{study}/study.csv",
        provenance="results/study_{study}/study_provenance.json",
    log:
        "logs/study_{study}/study.log",
    wildcard_constraints:
        study="[A-Za-z0-9_]+",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("study", loads=["mdllm.report.study.measures"]),
        runs=lambda wildcards: of_study(wildcards).table(),
        confidence=lambda wildcards: of_study(wildcards).confidence,
    script:
        "../scripts/study.py"


rule draw_study:
    input:
        study="results/study_{study}/study.csv",
    output:
        png=report(
            "results/study_{study}/measures/{measure}.png",
            caption="../report/study.rst",
            category="study_{study}",
            labels={"figure": "{measure}"},
        ),
        pdf="results/study_{study}/measures/{measure}.pdf",
        csv="results/study_{study}/measures/{measure}.csv",
        provenance="results/study_{study}/measures/{measure}_provenance.json",
    log:
        "logs/study_{study}/draw_{measure}.log",
    wildcard_constraints:
        study="[A-Za-z0-9_]+",
        measure="[A-Za-z0-9_]+",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("draw_study"),
        axes=lambda wildcards: list(of_study(wildcards).settings.axes),
        lines=lambda wildcards: of_study(wildcards).settings.lines.get(
            wildcards.measure, []
        ),
        conditions=about_study,
    script:
        "../scripts/draw_study.py"


for name in study_names(Path("config")):
    for target in (name, f"{name}_full"):

        rule:
            name:
                f"study_{target}"
            input:
                study=f"results/study_{target}/study.csv",
                figures=lambda wildcards, target=target: figures_of_study(target),
