"""From YAML files to validated settings: read, merge (preset <- overrides <- variant), check, and name what runs.

Everything that can be wrong with a config file is found here, before any job starts. `Plan` is what the workflow asks:
which systems and variants run, what each stage reads, and which variant already provides a stage's result.
"""

import difflib
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mdllm.config.section import Section
from mdllm.config.settings.kinetics import KineticSystemSettings, SharedSource
from mdllm.config.settings.sequence import OneDimensional
from mdllm.config.settings.simulation import SimulationSource
from mdllm.config.settings.stages import RunSettings, StageSettings
from mdllm.config.settings.system import SystemSettings, TrainingSet
from mdllm.config.systems import MAIN, SHARED_FOLDERS, KineticSystem, System, Variant
from mdllm.core.errors import InputError

Validated = TypeVar("Validated", bound=BaseModel)
PRESETS = Path(__file__).with_name("presets")


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


class Plan:
    """All systems of a run.

    Args:
        run: content of config.yaml, with what the command line laid over it.
        folder: the folder that holds `systems/`, and `presets/` where there are more than those that come with mdllm.

    Raises:
        InputError: any file is missing, misspelled or inconsistent.
    """

    def __init__(self, run: dict, folder: Path):
        self.run = validate(RunSettings, run, "config.yaml and --config")
        folder = Path(folder)
        preset_file = _preset_file(folder, self.run.preset)
        preset = read_yaml(preset_file)
        validate(StageSettings, preset, str(preset_file))
        self._base = merge(merge(StageSettings().model_dump(mode="json"), preset), self.run.overrides)
        base = validate(StageSettings, self._base, f"{preset_file} with `overrides` of config.yaml")
        self._folder = folder / "systems"
        self.systems: dict[str, System | KineticSystem] = {name: self._system(name, base) for name in self._selected()}
        self._structures = [name for name, system in self.systems.items() if isinstance(system, System)]
        self._kinetics = [name for name, system in self.systems.items() if isinstance(system, KineticSystem)]

    def _selected(self) -> list[str]:
        if self.run.only is None:
            return self.run.systems
        only = [name.strip() for name in self.run.only.split(",")] if isinstance(self.run.only, str) else self.run.only
        return list(dict.fromkeys(only))

    def _system(self, name: str, base: StageSettings) -> "System | KineticSystem":
        path = self._folder / f"{name}.yaml"
        content = read_yaml(path)
        if content.get("kind") == "kinetics":
            return self._kinetic_system(name, path, content)
        settings = validate(SystemSettings, content, str(path))
        variants = {MAIN: Variant(base, settings.training_set)}
        for variant, overrides in settings.variants.items():
            place = f"{path}: variants.{variant}"
            _check_variant(variant, overrides, place)
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
        for variant in variants.values():
            if isinstance(variant.settings.tokenizer, OneDimensional):
                raise InputError(
                    f"{path}: tokenizer.name {variant.settings.tokenizer.name} gives a frame one code, from which no "
                    "backbone can be decoded; it belongs to a system of `kind: kinetics`"
                )
        simulation = (name, settings.source) if isinstance(settings.source, SimulationSource) else None
        return System(name, settings, variants, simulation)

    def _kinetic_system(self, name: str, path: Path, content: dict) -> "KineticSystem":
        settings = validate(KineticSystemSettings, content, str(path))
        base = merge(self._base, settings.stages)
        validate(StageSettings, base, f"{path}: stages")
        variants = {}
        for variant, overrides in settings.variants.items():
            place = f"{path}: variants.{variant}"
            _check_variant(variant, overrides, place)
            variants[variant] = Variant(validate(StageSettings, merge(base, overrides), place))
            if not isinstance(variants[variant].settings.tokenizer, OneDimensional):
                raise InputError(
                    f"{place}: tokenizer.name {variants[variant].settings.tokenizer.name} gives one code per residue; "
                    "choose bins, nearest_center or k_centers, or write a system without `kind: kinetics`"
                )
        system = KineticSystem(name, settings, variants, self._simulation(name, path, settings.source))
        for variant in variants:
            if taken := sorted((system.trainings(variant).keys() - {variant}) & variants.keys()):
                raise InputError(
                    f"{path}: variants.{taken[0]}: this name is taken by a training of '{variant}' "
                    "(kinetics.trainings); choose another"
                )
        return system

    def _simulation(self, name: str, path: Path, source) -> tuple[str, SimulationSource] | None:
        """The simulation that makes the frames of a system, with the name of the system that it belongs to."""
        if isinstance(source, SharedSource):
            other = read_yaml(self._folder / f"{source.system}.yaml")
            model = KineticSystemSettings if other.get("kind") == "kinetics" else SystemSettings
            shared = validate(model, other, str(self._folder / f"{source.system}.yaml")).source
            if not isinstance(shared, SimulationSource):
                raise InputError(
                    f"{path}: source.system: '{source.system}' is not simulated, so there is no simulation to share"
                )
            return source.system, shared
        return (name, source) if isinstance(source, SimulationSource) else None

    def simulations(self) -> dict[str, SimulationSource]:
        """All simulations that the selected systems need, by the system that they belong to."""
        return dict(system.simulation for system in self.systems.values() if system.simulation is not None)

    def structures(self) -> list[str]:
        """Names of the systems whose backbones are decoded."""
        return self._structures

    def kinetics(self) -> list[str]:
        """Names of the systems whose kinetics are learned."""
        return self._kinetics

    def runs(self) -> list[tuple[str, str]]:
        """All (system, variant) pairs, in the order of the config."""
        return [(name, variant) for name, system in self.systems.items() for variant in system.variants]


def _preset_file(folder: Path, name: str) -> Path:
    """The user's own preset of this name, or the one that comes with mdllm."""
    own, shipped = (place / f"{name}.yaml" for place in (folder / "presets", PRESETS))
    return shipped if shipped.is_file() and not own.is_file() else own


def _check_variant(name: str, overrides: dict, place: str) -> None:
    if name in SHARED_FOLDERS:
        raise InputError(f"{place}: this name is taken by a folder of results; choose another")
    if "prepare" in overrides:
        raise InputError(f"{place}.prepare: all variants share the prepared frames; write a second system file")
