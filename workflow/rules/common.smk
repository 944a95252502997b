# Helpers of all rules: where a stage's result lies, and the part of the config that it reads.

from mdllm.ensembles.names import FILES
from mdllm.figures.registry import TABLES

KINETIC_TABLES = (
    "populations",
    "timescales",
    "mfpt",
    "transitions",
    "committor",
    "chapman_kolmogorov",
)

NOVELTY_TABLES = ("sources", "shares", "clusters", "residues")
DYNAMICS_TABLES = ("residues", "agreement")
VERIFICATION_TABLES = ("simulations", "proposals", "states", "rounds")


def in_words(ask, *arguments):
    """What a function of the library answers; what the user can mend ends the workflow with its message alone."""
    try:
        return ask(*arguments)
    except InputError as error:
        raise WorkflowError(str(error)) from None


def of_system(wildcards):
    """The system of a job."""
    return in_words(plan.system, wildcards.system)


def provided(system, variant, stage, path):
    """`path` in the folder of the variant that provides `stage` for `variant`."""
    chosen = in_words(plan.system, system)
    if not chosen.runs(variant, stage):
        raise WorkflowError(
            f"results/{system}/{variant}: the stage {stage} does not apply to this variant"
        )
    return f"results/{system}/{chosen.provider(variant, stage)}/{path}"


def made_by(stage, path):
    """Input function: `provided` for the wildcards' system and variant."""
    return lambda wildcards: provided(wildcards.system, wildcards.variant, stage, path)


def where_it_runs(stage, path):
    """Input function: `made_by`, or nothing where the stage does not apply to the variant."""
    return lambda wildcards: (
        [provided(wildcards.system, wildcards.variant, stage, path)]
        if of_system(wildcards).runs(wildcards.variant, stage)
        else []
    )


def ensembles(wildcards):
    """Input function: structures of the model and of its nulls."""
    place = (wildcards.system, wildcards.variant, "decode")
    return [provided(*place, f"ensemble/{file}") for file in FILES.values()]


def made_by_trainings(stage, path):
    """Input function: `made_by` for each training of the variant; none where nothing is trained."""
    return lambda wildcards: [
        provided(wildcards.system, training, stage, path)
        for training in of_system(wildcards).trainings(wildcards.variant)
        if of_system(wildcards).runs(training, stage)
    ]


def continues(wildcards):
    """Whether the model of a variant is trained and continues the frames; otherwise a base redraws them."""
    return of_system(wildcards).runs(wildcards.variant, "rollout")


def losses(wildcards):
    """Input function: what a variant's model is worth, the folder with `training.json`, or the record of its base."""
    made = (
        ("train", "model")
        if continues(wildcards)
        else ("redraw", "redrawn/redrawn.json")
    )
    return made_by(*made)(wildcards)


def rollout_or_redrawn(wildcards):
    """Input function: what a variant's model has made."""
    made = (
        ("rollout", "rollout/codes.npz")
        if continues(wildcards)
        else ("redraw", "redrawn/structures.npz")
    )
    return made_by(*made)(wildcards)


def one_of(names):
    """Wildcard constraint: one of `names`, and nothing where there is none.

    Where these are all systems, none: a pattern of a thousand names takes long to match, and it is for every file.
    """
    if len(names) == len(plan.known):
        return "[A-Za-z0-9_]+"
    return "|".join(names) or "(?!)"


def read_by(stage):
    """Params function: the config slice that `stage` reads; a change of it re-runs the stage."""

    return lambda wildcards: in_words(
        of_system(wildcards).stage, wildcards.variant, stage
    )


@cache
def digest_of(script, *loads):
    """Digest of a script of workflow/scripts, all that it imports of the library, and modules that it loads by name."""
    return script_digest(Path(workflow.source_path(f"../scripts/{script}.py")), *loads)


def code_of(script, *given, loads=()):
    """Params function: `digest_of` the script; a change of code runs the rule again, one of words does not.

    `given` are params functions whose values choose by name what the script loads.

    For rules from which nothing is trained. Results of the others that older code made are listed by `mdllm stale`.
    """

    def code(wildcards):
        chosen = {name for part in given for name in implementations(part(wildcards))}
        return digest_of(script, *sorted(chosen), *loads)

    return code


def prepared(wildcards):
    """Input function: the frames that a variant stands on, with their atoms where there are any."""
    folder = of_system(wildcards).frames_of_variant(wildcards.variant)
    files = {"frames": f"{folder}/frames.parquet"}
    if of_system(wildcards).frames_are == "atoms":
        files |= {
            "topology": f"{folder}/topology.pdb",
            "trajectory": f"{folder}/trajectory.xtc",
            "slow": f"{folder}/slow.npz",
        }
    return files


def before(stage, path):
    """Input function: `made_by` for the round before; nothing in a first one."""

    def place(wildcards):
        known = of_system(wildcards).trained[wildcards.variant].before
        if not known or not of_system(wildcards).runs(known, stage):
            return []
        return provided(wildcards.system, known, stage, path)

    return place


def frames_before(wildcards):
    """Input function: the frames that the round before stood on."""
    known = of_system(wildcards).trained[wildcards.variant].before
    folder = of_system(wildcards).frames_of_variant(known)
    return {
        name.split(".")[0]: f"{folder}/{name}"
        for name in (
            "topology.pdb",
            "trajectory.xtc",
            "frames.parquet",
            "slow.npz",
        )
    }


def env_of_tokenizer(wildcards):
    """Conda function: the environment of the variant's tokenizer."""
    variant = of_system(wildcards).trained[wildcards.variant]
    return f"../../envs/{variant.settings.tokenizer.environment}.yaml"


def about(wildcards):
    """Params function: a line about the system."""
    return of_system(wildcards).settings.description or wildcards.system


def observables(wildcards):
    """Params function: collective variables, states and references of the system."""
    return of_system(wildcards).observables()


def training_set(wildcards):
    """Params function: the frames that the variant is trained on."""
    return of_system(wildcards).training_set(wildcards.variant)


def reference_files(wildcards):
    """Input function: the reference structures of the system."""
    return [
        reference.path
        for reference in of_system(wildcards).settings.references.values()
    ]


def raw_files(wildcards):
    """Input function: the user's raw files, or nothing where they are fetched."""
    return in_words(of_system(wildcards).raw_files)


def series(path):
    """Input function: `path` of the codes of MD, those of the tokenizer or of the discretizer."""

    def place(wildcards):
        decoded = of_system(wildcards).trained[wildcards.variant].decoded
        stage, folder = (
            ("discretize", "discretization") if decoded else ("tokenize", "tokens")
        )
        return provided(wildcards.system, wildcards.variant, stage, f"{folder}/{path}")

    return place


def generated(wildcards):
    """Input function: codes of the model, of each training."""
    decoded = of_system(wildcards).variants[wildcards.variant].decoded
    if decoded:
        return made_by_trainings("discretize_rollout", "discretization/generated.npz")(
            wildcards
        )
    return made_by_trainings("rollout", "rollout/codes.npz")(wildcards)


def of_collection(wildcards):
    """The settings of a collection."""
    return in_words(read_collection, Path("config"), wildcards.collection)


def collection_read(wildcards):
    """Input function: the tables of the collection that the model of a variant reads, which must be made."""
    variant = of_system(wildcards).trained[wildcards.variant]
    name = None if variant.continues else variant.settings.model.reads_collection
    return [] if name is None else in_words(made_collection, Path("config"), name)


def learned_from(wildcards):
    """The other system whose training frames the model of a variant learns from, or None."""
    variant = of_system(wildcards).trained[wildcards.variant]
    name = None if variant.continues else variant.settings.model.learns_from
    return None if name is None else in_words(plan.system, name)


def frames_learned_from(wildcards):
    """Input function: its prepared frames."""
    other = learned_from(wildcards)
    names = ("topology.pdb", "trajectory.xtc", "frames.parquet") if other else ()
    return [f"{other.frames}/{name}" for name in names]


def training_set_learned_from(wildcards):
    """Params function: which of them it is trained on."""
    chosen = (other := learned_from(wildcards)) and other.settings.training_set
    return chosen.plain() if chosen else {}


def of_base(wildcards):
    """The settings of a base."""
    return in_words(read_base, Path("config"), wildcards.base)


def of_dance(wildcards):
    """The settings of a model of dynamic properties."""
    return in_words(read_dance, Path("config"), wildcards.dance)


def read_by_dance(wildcards):
    """Input function: tables of the collection, or files of properties, by name."""
    return in_words(files_of_dance, Path("config"), wildcards.dance)


def files_read(wildcards):
    """Input function: the user's own files of a collection."""
    return in_words(raw_files_of_collection, Path("config"), wildcards.collection)


def collections_left_out(wildcards):
    """Input function: the proteins of the collections that training must not see."""
    return [
        f"results/collections/{name}/proteins.parquet"
        for name in of_collection(wildcards).leave_out.collections
    ]


def systems_left_out(wildcards):
    """Params function: the sequences of the systems that training must not see."""
    if of_collection(wildcards).leave_out.systems:
        return in_words(system_sequences, Path("config"))
    return {}
