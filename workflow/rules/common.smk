# Helpers of all rules: where a stage's result lies, and the part of the config that it reads.

KINETIC_FIGURES = (
    "free_energy",
    "timescales",
    "mfpt",
    "mfpt_lag",
    "transitions",
    "chapman_kolmogorov",
)
KINETIC_TABLES = (
    "populations",
    "timescales",
    "mfpt",
    "transitions",
    "chapman_kolmogorov",
)
FIGURES = ("plane", "time_series", "loss", "fidelity", "discovery", "quality")


def provided(system, variant, stage, path):
    """`path` in the folder of the variant that provides `stage` for `variant`."""
    return f"results/{system}/{plan.systems[system].provider(variant, stage)}/{path}"


def made_by(stage, path):
    """Input function: `provided` for the wildcards' system and variant."""
    return lambda wildcards: provided(wildcards.system, wildcards.variant, stage, path)


def made_by_trainings(stage, path):
    """Input function: `made_by` for each training of the variant."""
    return lambda wildcards: [
        provided(wildcards.system, training, stage, path)
        for training in plan.systems[wildcards.system].trainings(wildcards.variant)
    ]


def one_of(names):
    """Wildcard constraint: one of `names`, and nothing where there is none.

    Where these are all systems, none: a pattern of a thousand names takes long to match, and it is for every file.
    """
    if len(names) == len(plan.systems):
        return "[A-Za-z0-9_]+"
    return "|".join(names) or "(?!)"


POTENTIALS = [name for name in plan.kinetics() if plan.systems[name].is_potential()]
TRAJECTORIES = [name for name in plan.kinetics() if name not in POTENTIALS]


def needed_to_train(wildcards):
    """Input function: what has to be well before anything is trained.

    Codes must give the frames back; where kinetics are learned, those of MD must be such that they can be estimated.
    """
    if wildcards.system in plan.structures():
        return provided(*wildcards, "tokenize", "tokens/fidelity.json")
    return provided(*wildcards, "md_kinetics", "md_kinetics/provenance.json")


def read_by(stage):
    """Params function: the config slice that `stage` reads; a change of it re-runs the stage."""
    return lambda wildcards: plan.systems[wildcards.system].stage(
        wildcards.variant, stage
    )


@cache
def digest_of(script):
    """Digest of a script of workflow/scripts and all that it imports of the library."""
    return script_digest(Path(workflow.source_path(f"../scripts/{script}.py")))


def code_of(script):
    """Params function: `digest_of` the script; a change of code runs the rule again, one of words does not.

    For rules from which nothing is trained. Results of the others that older code made are listed by `mdllm stale`.
    """
    return lambda wildcards: digest_of(script)


def env_of_tokenizer(wildcards):
    """Conda function: the environment of the variant's tokenizer."""
    variant = plan.systems[wildcards.system].variants[wildcards.variant]
    foldtoken4 = variant.settings.tokenizer.name == "foldtoken4"
    return f"../../envs/{'foldtoken4' if foldtoken4 else 'analysis'}.yaml"


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
    """Every figure of every system and variant that runs; of kinetics one set per system, all models in one."""
    stems = [
        f"{system}/{variant}/figures/{figure}"
        for system, variant in plan.runs()
        for figure in FIGURES
        if system in plan.structures()
    ]
    stems += [
        f"{system}/figures/{figure}"
        for system in plan.kinetics()
        for figure in KINETIC_FIGURES
    ]
    stems += [
        f"{system}/{variant}/figures/causal_trace"
        for system in plan.kinetics()
        for variant in plan.systems[system].traced()
    ]
    return [
        f"results/{stem}.{ending}" for stem in stems for ending in ("pdf", "png", "csv")
    ]
