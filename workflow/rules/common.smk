# Helpers of all rules: where a stage's result lies, and the part of the config that it reads.

CACHE = os.environ.get("MDLLM_CACHE", ".cache/mdllm")
FIGURES = ("plane", "time_series", "loss", "fidelity", "discovery", "quality")
STYLE = Path(workflow.basedir, "src", "mdllm", "figures", "mdllm.mplstyle")


def made_by(stage, path):
    """Input function: `path` in the folder of the variant that provides `stage` for the wildcards' variant."""

    def find(wildcards):
        provider = plan.systems[wildcards.system].provider(wildcards.variant, stage)
        return f"results/{wildcards.system}/{provider}/{path}"

    return find


def read_by(stage):
    """Params function: the config slice that `stage` reads; a change of it re-runs the stage."""
    return lambda wildcards: plan.systems[wildcards.system].stage(
        wildcards.variant, stage
    )


def observables(wildcards):
    """Params function: collective variables, states and references of the system."""
    return plan.systems[wildcards.system].observables()


def training_set(wildcards):
    """Params function: the frames that the variant is trained on."""
    return (
        plan.systems[wildcards.system]
        .variants[wildcards.variant]
        .training_set.model_dump(mode="json")
    )


def reference_files(wildcards):
    """Input function: the reference structures of the system."""
    return [
        reference.path
        for reference in plan.systems[wildcards.system].settings.references.values()
    ]


def raw_files(wildcards):
    """Input function: the user's raw files, or nothing where a package holds them."""
    try:
        return plan.systems[wildcards.system].raw_files()
    except InputError as error:
        raise WorkflowError(str(error)) from None


def figure_files(wildcards=None):
    """Every figure of every system and variant that runs."""
    return [
        f"results/{system}/{variant}/figures/{figure}.{ending}"
        for system, variant in plan.runs()
        for figure in FIGURES
        for ending in ("pdf", "png", "csv")
    ]


def dry_run(wildcards):
    """Params function: the present command as a dry run, without the target `estimate`."""
    arguments = [argument for argument in sys.argv[1:] if argument != "estimate"]
    source = ["--snakefile", workflow.main_snakefile]
    return [
        sys.executable,
        "-m",
        "snakemake",
        *source,
        *arguments,
        "--dry-run",
        "--nolock",
    ]
