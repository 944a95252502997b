# Needs: the tables that a figure names in mdllm.figures.registry; nothing heavier.
# Makes: figures/, each as PDF, PNG and the CSV that it shows. One job draws those that apply to the same variants.

from mdllm.figures.conditions import common_line
from mdllm.figures.registry import TABLES, groups


def variants_with(system, kinds):
    """Variants of a system that have the tables of some figures."""
    chosen = plan.systems[system]
    return [
        variant
        for variant in chosen.variants
        if kinds[0].applies(lambda stage: chosen.runs(variant, stage))
    ]


def tables_of(kinds):
    """Params function: the tables of some figures, by variant and name."""

    def tables(wildcards):
        variants = (
            [wildcards.variant]
            if kinds[0].of == "variant"
            else variants_with(wildcards.system, kinds)
        )
        names = dict.fromkeys(table for kind in kinds for table in kind.tables)
        return {
            variant: {
                name: provided(wildcards.system, variant, *TABLES[name])
                for name in names
            }
            for variant in variants
        }

    return tables


def table_files(kinds):
    """Input function: the same, as a list of files."""
    return lambda wildcards: sorted(
        {
            path
            for tables in tables_of(kinds)(wildcards).values()
            for path in tables.values()
        }
    )


def conditions_of(kinds):
    """Params function: what the results were made with, for captions."""
    return lambda wildcards: common_line(
        {
            variant: plan.conditions(wildcards.system, variant)
            for variant in tables_of(kinds)(wildcards)
        }
    )


def figure_files(wildcards=None):
    """Every figure of every system and variant that runs."""
    stems = []
    for system in plan.systems:
        for kinds in groups().values():
            variants = variants_with(system, kinds)
            folders = (
                [f"{system}/{variant}" for variant in variants]
                if kinds[0].of == "variant"
                else [system] * bool(variants)
            )
            stems += [
                f"{folder}/figures/{kind.name}" for folder in folders for kind in kinds
            ]
    return [
        f"results/{stem}.{ending}" for stem in stems for ending in ("pdf", "png", "csv")
    ]


for group, kinds in groups().items():
    folder = (
        "results/{system}/{variant}/figures"
        if kinds[0].of == "variant"
        else "results/{system}/figures"
    )

    rule:
        name:
            f"draw_{group}"
        input:
            tables=table_files(kinds),
        output:
            **{
                kind.name: report(
                    f"{folder}/{kind.name}.png",
                    caption=kind.caption,
                    category="{system}",
                    subcategory=(
                        "{variant}" if kind.of == "variant" else "all variants"
                    ),
                    labels={"figure": kind.name.replace("_", " ")},
                )
                for kind in kinds
            },
            pdf=[f"{folder}/{kind.name}.pdf" for kind in kinds],
            csv=[f"{folder}/{kind.name}.csv" for kind in kinds],
            also=[f"{folder}/{name}" for kind in kinds for name in kind.also],
            provenance=f"{folder}/{group}_provenance.json",
        log:
            f"logs/{'{system}/{variant}' if kinds[0].of == 'variant' else '{system}'}/draw_{group}.log",
        conda:
            "../../envs/analysis.yaml"
        params:
            code=code_of("draw", loads=[kind.module for kind in kinds]),
            figures=[kind.name for kind in kinds],
            tables=tables_of(kinds),
            conditions=conditions_of(kinds),
        script:
            "../scripts/draw.py"
