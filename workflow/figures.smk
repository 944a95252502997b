"""The figures alone, from the tables that are there: without the rules that make tables nothing else can run."""


include: "rules/setup.smk"
include: "rules/common.smk"
include: "rules/reported.smk"
include: "rules/figures.smk"


rule figures:
    default_target: True
    input:
        figure_files(),
