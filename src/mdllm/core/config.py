"""From YAML files to validated settings: read, merge (preset <- overrides <- variant), check, and name what runs.

Everything that can be wrong with a config file is found here, before any job starts. `Plan` is what the workflow asks:
which systems and variants run, what each stage reads, and which variant already provides a stage's result.
"""

import difflib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mdllm.core.errors import InputError
from mdllm.core.records import digest
from mdllm.core.section import Section
from mdllm.core.settings import RunSettings, StageSettings
from mdllm.core.simulation_settings import SimulationSource
from mdllm.core.source_files import source_files
from mdllm.core.system_settings import FilesSource, Observables, PackageSource, SystemSettings, TrainingSet

Validated = TypeVar("Validated", bound=BaseModel)
MAIN = "main"
_SHARED_FOLDERS = ("raw", "frames")
# The stages whose results depend on the variant, in order, with the sections of `StageSettings` that each one reads.
VARIANT_STAGES = {
    "tokenize": ("seed", "tokenizer"),
    "fidelity": ("fidelity",),
    "finetune": ("seed", "language", "model", "training"),
    "rollout": ("seed", "language", "rollout"),
    "decode": ("seed", "decode"),
    "analyze": ("seed", "analysis"),
}


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Safe YAML that refuses a key given twice: the first of the two would be lost in silence."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"key '{key}' is given twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict:
    """The mapping in a YAML file.

    Raises:
        InputError: the file is missing, is not YAML, repeats a key, or holds no mapping.
    """
    path = Path(path)
    if not path.is_file():
        near = difflib.get_close_matches(path.stem, [p.stem for p in path.parent.glob("*.yaml")], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"{path} does not exist{hint}")
    try:
        content = yaml.load(path.read_text(), _UniqueKeyLoader)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a mapping of keys to values")
    return content


def merge(base: dict, over: dict) -> dict:
    """`over` laid on `base`, section by section; a section that changes its `name` is replaced whole."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(value, dict) and isinstance(old, dict)
        same_kind = both and value.get("name", old.get("name")) == old.get("name")
        result[key] = merge(old, value) if same_kind else value
    return result


def validate(model: type[Validated], content: dict, source: str) -> Validated:
    """`content` as `model`.

    Raises:
        InputError: names `source`, each offending key with its path, what is wrong, and a near name if there is one.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [_explain(problem, content) for problem in error.errors()]
        raise InputError(f"{source}:\n  " + "\n  ".join(lines)) from error


def _explain(problem: dict, content: dict) -> str:
    place, path = content, []
    for part in problem["loc"]:
        inside = isinstance(place, dict) and part in place
        inside |= isinstance(place, list) and isinstance(part, int) and part < len(place)
        if inside:
            place = place[part]
        if inside or part == problem["loc"][-1]:
            path.append(str(part))
    key = ".".join(path)
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _known_keys(), n=1, cutoff=0.7)
        return f"{key}: unknown key" + (f"; did you mean '{near[0]}'?" if near else "; remove it")
    if problem["type"] == "missing":
        return f"{key}: this key is required"
    if problem["type"] == "union_tag_not_found":
        return f"{key}: the key {problem['ctx']['discriminator']} is required, since it says which kind this is"
    if problem["type"] == "union_tag_invalid":
        tag, known = problem["ctx"]["tag"], problem["ctx"]["expected_tags"]
        return f"{key}: {problem['ctx']['discriminator']} '{tag}' is unknown; choose one of {known}"
    if problem["type"] == "value_error":
        return (f"{key}: " if key else "") + str(problem["ctx"]["error"])
    return f"{key}: {problem['msg']}, not {place!r}"


@lru_cache
def _known_keys() -> list[str]:
    return sorted({name for section in _below(Section) for name in section.model_fields})


def _below(section: type[Section]) -> list[type[Section]]:
    """All sections derived from `section`, itself included."""
    return [section, *(found for derived in section.__subclasses__() for found in _below(derived))]


@dataclass(frozen=True)
class Variant:
    """One system under one set of overrides."""

    settings: StageSettings
    training_set: TrainingSet

    @cached_property
    def _keys(self) -> dict[str, str]:
        keys, history = {}, [self.training_set.model_dump(mode="json")]
        for stage, sections in VARIANT_STAGES.items():
            own = self.settings.model_dump(mode="json", include=set(sections))
            keys[stage] = digest([*history, own])
            if stage != "fidelity":  # a measurement: no later stage reads its sections
                history.append(own)
        return keys

    def key(self, stage: str) -> str:
        """Digest of all that `stage` and the stages before it read from the variant."""
        return self._keys[stage]


@dataclass(frozen=True)
class System:
    """One molecular system with its variants, `main` first."""

    name: str
    settings: SystemSettings
    variants: dict[str, Variant]

    def provider(self, variant: str, stage: str) -> str:
        """The first variant whose `stage` is the same as that of `variant`: its result is shared, not run again."""
        key = self.variants[variant].key(stage)
        return next(name for name, other in self.variants.items() if other.key(stage) == key)

    def raw_source(self) -> PackageSource | FilesSource:
        """Where acquire finds the raw frames; of a simulated system they are what the rule simulate makes."""
        if not isinstance(self.settings.source, SimulationSource):
            return self.settings.source
        raw = f"results/{self.name}/raw"
        return FilesSource(type="files", topology=f"{raw}/topology.pdb", trajectories=[f"{raw}/trajectory.xtc"])

    def raw_files(self) -> list[str]:
        """The files that acquire needs: the user's, or those of the rule simulate; none if a package holds them."""
        source = self.raw_source()
        if isinstance(source, PackageSource):
            return []
        if isinstance(self.settings.source, SimulationSource):
            return [source.topology, *source.trajectories]
        try:
            topology, trajectories = source_files(source)
        except InputError as error:
            raise InputError(f"config/systems/{self.name}.yaml: {error}") from error
        return [topology, *trajectories]

    def prepare(self) -> dict:
        """What the stage prepare reads; collective variables that no state uses are left out."""
        return {
            "selection": self.settings.selection,
            "frame_interval_ps": self.settings.frame_interval_ps,
            "stride": self.variants[MAIN].settings.prepare.stride,
            "observables": self.settings.of_states().model_dump(mode="json"),
        }

    def observables(self) -> dict:
        """Collective variables, states and references."""
        return self.settings.model_dump(mode="json", include=set(Observables.model_fields))

    def knowledge(self) -> dict:
        """What the analysis knows of the system: its observables, the plane of the figures, and what it is called."""
        return {
            "description": self.settings.description,
            "plane": list(self.settings.plane),
            "observables": self.observables(),
        }

    def stage(self, variant: str, stage: str) -> dict:
        """The slice of the config that a stage of VARIANT_STAGES reads, as plain values."""
        return self.variants[variant].settings.model_dump(mode="json", include=set(VARIANT_STAGES[stage]))


class Plan:
    """All systems of a run.

    Args:
        run: content of config.yaml, with what the command line laid over it.
        folder: the folder that holds `systems/` and `presets/`.

    Raises:
        InputError: any file is missing, misspelled or inconsistent.
    """

    def __init__(self, run: dict, folder: Path):
        self.run = validate(RunSettings, run, "config.yaml and --config")
        folder = Path(folder)
        preset_file = folder / "presets" / f"{self.run.preset}.yaml"
        preset = read_yaml(preset_file)
        validate(StageSettings, preset, str(preset_file))
        self._base = merge(merge(StageSettings().model_dump(mode="json"), preset), self.run.overrides)
        base = validate(StageSettings, self._base, f"{preset_file} with `overrides` of config.yaml")
        self.systems = {
            name: self._system(name, folder / "systems" / f"{name}.yaml", base) for name in self._selected()
        }

    def _selected(self) -> list[str]:
        if self.run.only is None:
            return self.run.systems
        only = [name.strip() for name in self.run.only.split(",")] if isinstance(self.run.only, str) else self.run.only
        return list(dict.fromkeys(only))

    def _system(self, name: str, path: Path, base: StageSettings) -> System:
        settings = validate(SystemSettings, read_yaml(path), str(path))
        variants = {MAIN: Variant(base, settings.training_set)}
        for variant, overrides in settings.variants.items():
            place = f"{path}: variants.{variant}"
            if variant in _SHARED_FOLDERS:
                raise InputError(f"{place}: this name is taken by a folder of results; choose another")
            if "prepare" in overrides:
                raise InputError(f"{place}.prepare: all variants share the prepared frames; write a second system file")
            content = merge(self._base, {k: v for k, v in overrides.items() if k != "training_set"})
            frames = overrides.get("training_set", settings.training_set.model_dump())
            variants[variant] = Variant(
                validate(StageSettings, content, place), validate(TrainingSet, frames, f"{place}.training_set")
            )
            if variants[variant].training_set.state not in settings.states:
                raise InputError(
                    f"{place}.training_set.state: '{variants[variant].training_set.state}' is not defined; "
                    f"defined are {', '.join(settings.states)}"
                )
        return System(name, settings, variants)

    def runs(self) -> list[tuple[str, str]]:
        """All (system, variant) pairs, in the order of the config."""
        return [(name, variant) for name, system in self.systems.items() for variant in system.variants]
