"""Keys that would have no effect: an error that says why, rather than a key that is ignored.

A key counts as effective if it changes at least one of the variants that it reaches: the one whose override it is,
those of the system whose `stages` it stands in, or, where the command line or config.yaml says it, all that run.
"""

from collections.abc import Iterable, Iterator

from mdllm.config.settings.system import TRAINING_START, SystemSettings
from mdllm.config.systems import IN_WORDS, System, Variant
from mdllm.core.errors import InputError

# Keys of a system file that need atoms.
_NOT_OF = {
    "potential": ("atoms", "frame_interval_ps", "sequence", "skip_damaged"),
    "series": ("atoms", "sequence", "skip_damaged"),
}
_VALIDATION = ("training.validation_share", "training.validation_windows")
_OF_REDRAWING = ("rollout.frames", "rollout.replicas", "rollout.temperature")
_OF_STRUCTURES = ("fidelity", "redraw", "decode", "novelty", "dynamics", "properties", "verification")
_OF_WINDOWS = ("language.stride", "language.loss", "language.time_reversed")


def check_overrides(overrides: dict, reached: Iterable[tuple[System, Variant]], place: str) -> None:
    """Raise an InputError for the first key of `overrides`, sections of stages, that changes none of the variants."""
    reached = list(reached)
    for key in _leaves(overrides):
        reasons = [_reason(key, system, variant) for system, variant in reached]
        if reasons and None not in reasons:
            raise InputError(f"{place}.{key} has no effect: {reasons[0]}; remove it")


def check_system(settings: SystemSettings, system: System, path: str) -> None:
    """Raise an InputError for a key of a system file that has no effect on any of its variants, or that is missing."""
    given = settings.model_fields_set
    if system.frames_are != "atoms":
        for name, variant in system.variants.items():
            if variant.decoded:
                raise InputError(
                    f"{path}: variant {name}: tokenizer {variant.settings.tokenizer.name} codes residues, and a "
                    f"{IN_WORDS[system.frames_are]} has none; give stages.tokenizer one with one code per frame: "
                    + {"series": "numbers", "potential": "bins or nearest_center"}[system.frames_are]
                )
    if system.decoded:
        if settings.plane and settings.plane[0] == settings.plane[1]:
            raise InputError(f"{path}: plane names '{settings.plane[0]}' twice; a plane has two variables")
        if "atoms" in given:
            raise InputError(f"{path}: atoms has no effect: residues are coded, so that backbones are kept; remove it")
    else:
        for key in ("collective_variables", "states"):
            if key not in given:
                raise InputError(f"{path}: {key}: this key is required where a frame is one code")
        for key in ("selection", "plane"):
            if key in given:
                raise InputError(f"{path}: {key} has no effect: every variant gives a frame one code; remove it")
        used = {cv.reference_name() for cv in settings.collective_variables.values()}
        if TRAINING_START in used:
            raise InputError(f"{path}: collective_variables: an RMSD to {TRAINING_START} needs a training set")
        if idle := sorted(settings.references.keys() - used):
            raise InputError(f"{path}: references.{idle[0]} has no effect: no variable is an RMSD to it; remove it")
    if not settings.source.in_time:
        if settings.frame_interval_ps is not None:
            raise InputError(
                f"{path}: frame_interval_ps has no effect: frames do not follow each other in time; remove it"
            )
        for name, variant in system.variants.items():
            if variant.continues or variant.kinetic:
                raise InputError(
                    f"{path}: variant {name}: model {variant.settings.model.name} learns how frames follow each other, "
                    f"and those of source {settings.source.type} do not; set main: false, and model.name: base in "
                    "variants"
                )
    for key in _NOT_OF.get(system.frames_are, ()):
        if key in given:
            raise InputError(f"{path}: {key} has no effect on a {IN_WORDS[system.frames_are]}; remove it")
    if system.frames_are == "series" and settings.frame_interval_ps is None:
        raise InputError(
            f"{path}: frame_interval_ps: a series does not say how long a frame is; give the time in ps, or `unknown`"
        )


def _leaves(content: dict, above: str = "") -> Iterator[str]:
    for name, value in content.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield above + name


def _reason(key: str, system: System, variant: Variant) -> str | None:
    """Why a key of a stage section has no effect on a variant; None: it has one."""
    section, settings = key.split(".")[0], variant.settings
    if not variant.decoded and (section in _OF_STRUCTURES or key == "analysis.resamples"):
        return f"tokenizer {settings.tokenizer.name} gives a frame one code, and nothing is decoded"
    if key.startswith("kinetics.discretizer") and not variant.decoded:
        return f"tokenizer {settings.tokenizer.name} gives a frame one code already"
    if section == "kinetics" and not variant.kinetic:
        return "there are kinetics of codes per residue only where kinetics.discretizer makes frames one code each"
    if section == "causal_trace" and not variant.traced:
        return "a causal trace looks into a nanogpt with one code per frame only"
    if section == "verification" and not settings.verification.wanted:
        return "verification.proposals and random_frames are 0, so that nothing is simulated"
    if section in ("dynamics", "properties") and not system.settings.source.in_time:
        return f"frames of source {system.settings.source.type} do not follow each other in time, so nothing moves"
    if section == "properties" and not settings.properties.frames:
        return "properties.frames is 0, so that nothing is measured"
    if section == "prepare" and system.frames_are != "atoms":
        return f"a {IN_WORDS[system.frames_are]} has its frames already; tokenizer.stride takes every n-th of them"
    if not variant.continues and (
        section in ("language", "training", "redraw", "decode") or (section == "rollout" and key not in _OF_REDRAWING)
    ):
        return f"model {settings.model.name} is taken as it is, and redraws spans of the training frames"
    if not settings.model.trained and (key in _OF_WINDOWS or (section == "training" and key not in _VALIDATION)):
        return f"model {settings.model.name} is estimated from counts, not trained"
    if settings.language.form == "text" and key in ("language.judged_frames", "rollout.keep_frames"):
        return "it is for language.form codes"
    return None
