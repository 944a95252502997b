# Helpers of the rules of pages and studies: the tables and records that these read of all variants.

from mdllm.page.registry import SECTIONS

# Where the stages leave their records, or the folder that holds one; a variant shows those that apply to it.
RECORDS = {
    "join": "frames/provenance.json",
    "tokenize": "tokens/provenance.json",
    "fidelity": "tokens/fidelity_provenance.json",
    "train": "model",
    "rollout": "rollout/provenance.json",
    "redraw": "redrawn/provenance.json",
    "decode": "ensemble/provenance.json",
    "analyze": "analysis/provenance.json",
    "novelty": "novelty/provenance.json",
    "propose": "proposals/provenance.json",
    "verify": "verification/provenance.json",
    "kinetics": "kinetics/provenance.json",
    "summarize": "summary_provenance.json",
}


def shown_in(section):
    """Function of a system: the variants that have the tables of a section."""
    return lambda system: [
        variant
        for variant in plan.systems[system].variants
        if section.applies(lambda stage: plan.systems[system].runs(variant, stage))
    ]


def applies_of_page(wildcards):
    """Params function: the variants that have each section, by its name."""
    return {section.name: shown_in(section)(wildcards.system) for section in SECTIONS}


def tables_of_page(wildcards):
    """Params function: the tables of every section, by variant and name."""
    found = {}
    for variant in plan.systems[wildcards.system].variants:
        needed = dict.fromkeys(
            table
            for section in SECTIONS
            if variant in shown_in(section)(wildcards.system)
            for table in section.needs
        )
        found[variant] = {
            name: provided(wildcards.system, variant, *TABLES[name]) for name in needed
        }
    return found


def records_of_page(wildcards):
    """Params function: the records of the stages of every variant."""
    system = plan.systems[wildcards.system]
    common = {
        "acquire": f"results/{wildcards.system}/raw/provenance.json",
        "prepare": f"results/{wildcards.system}/frames/provenance.json",
    }
    if system.frames_are != "atoms":
        del common["acquire"]
    return {
        variant: common
        | {
            stage: provided(wildcards.system, variant, stage, path)
            for stage, path in RECORDS.items()
            if system.runs(variant, stage)
        }
        for variant in system.variants
    }


def files_of_page(wildcards):
    """Input function: all of them."""
    parts = (tables_of_page(wildcards), records_of_page(wildcards))
    return sorted(
        {path for part in parts for paths in part.values() for path in paths.values()}
    )


def of_study(wildcards):
    """A study, with its runs."""
    return in_words(plan.study, wildcards.study)


def about_study(wildcards):
    """Params function: what the runs have in common, for the small print of figures."""
    settings = of_study(wildcards).settings
    over = (
        f"mean and interval over the seeds {', '.join(map(str, settings.seeds))}"
        if len(settings.seeds) > 1
        else f"seed {settings.seeds[0]} alone, so no interval"
    )
    return f"{settings.description} · {settings.system}, {settings.base} · preset {plan.run.preset} · {over}"


def figures_of_study(study):
    """The figures of a study."""
    settings = in_words(plan.study, study).settings
    names = [*settings.measures, *("_over_".join(plane) for plane in settings.planes)]
    return [
        f"results/study_{study}/measures/{name}.{ending}"
        for name in names
        for ending in ("png", "pdf", "csv")
    ]
