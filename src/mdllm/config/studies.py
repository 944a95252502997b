"""Studies: grids over config keys, as variants of a system of their own that shares its frames with the one studied."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from mdllm.config.measures import measures
from mdllm.config.reading import merge, read_yaml, validate
from mdllm.config.settings.stages import StageSettings
from mdllm.config.settings.study import StudySettings
from mdllm.config.settings.system import SystemSettings
from mdllm.config.systems import System
from mdllm.core.errors import InputError

PREFIX, FULL = "study_", "_full"
MOST_RUNS = 500


@dataclass(frozen=True)
class Run:
    """One run of a study.

    Attributes:
        name: of its folder, from the values.
        values: by axis, as they are written in the file (or their names).
        overrides: stage sections, and `training_set`.
    """

    name: str
    values: dict[str, Any]
    seed: int
    overrides: dict


@dataclass(frozen=True)
class Study:
    """A study, and its runs as the variants of a system."""

    name: str
    settings: StudySettings
    runs: list[Run]
    system: System

    @property
    def confidence(self) -> float:
        """Level of the intervals over seeds."""
        return next(iter(self.system.variants.values())).settings.analysis.confidence

    def files(self, run: str) -> dict[str, str]:
        """The file of each measure of a run, where the stages that are shared have put it."""
        found = {}
        for name in self.settings.measures:
            measure = measures()[name]
            found[name] = f"results/{self.system.name}/{self.system.provider(run, measure.stage)}/{measure.file}"
        return found

    def table(self) -> list[dict]:
        """A row per run: name, values of the axes, seed and files."""
        return [
            {"run": run.name, "axes": run.values, "seed": run.seed, "files": self.files(run.name)} for run in self.runs
        ]


def study_names(config: Path) -> list[str]:
    """Names of the files of `config`/studies, sorted."""
    return sorted(path.stem for path in (Path(config) / "studies").glob("*.yaml"))


def studied_systems(config: Path) -> list[str]:
    """Systems that the files of `config`/studies name, to study or to learn from.

    Of a file that cannot be read none, as long as nobody asks.
    """
    found = set()
    for name in study_names(config):
        try:
            found |= set(_systems_in(read_yaml(Path(config) / "studies" / f"{name}.yaml")))
        except InputError:
            continue
    return sorted(found)


def _systems_in(content: dict) -> Iterator[str]:
    for key, value in content.items():
        if key.rpartition(".")[2] == "system":  # as a key, or as an axis with its values
            values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
            yield from (name for name in values if isinstance(name, str))
        elif isinstance(value, dict):
            yield from _systems_in(value)


def read_study(config: Path, name: str) -> tuple[Path, StudySettings]:
    """The study `name`, or, for `name` + _full, what its section `full` makes of it.

    Raises:
        InputError: the file is missing, misspelled or inconsistent, or has no section `full`.
    """
    names = study_names(config)
    stem = name.removesuffix(FULL) if name not in names else name
    path = Path(config) / "studies" / f"{stem}.yaml"
    settings = validate(StudySettings, read_yaml(path), str(path))
    if stem == name:
        return path, settings
    if settings.full is None:
        raise InputError(f"{path}: full: this section is required for the study {name}")
    changes = {key: value for key in ("axes", "seeds") if (value := getattr(settings.full, key)) is not None}
    stages = merge(settings.stages, settings.full.stages)
    return path, settings.model_copy(update={**changes, "stages": stages})


def expand(settings: StudySettings, path: Path, base: dict, confirmed: bool) -> list[Run]:
    """All runs of a grid.

    Args:
        base: overrides of the variant that all runs begin with.
        confirmed: whether a grid of more than MOST_RUNS runs is meant.

    Raises:
        InputError: the grid is larger and not confirmed, an axis names no key or one that all runs share, or two values
            of an axis are written alike.
    """
    for key in (*settings.axes, *settings.stages):
        _check_key(key, f"{path}: {'axes' if key in settings.axes else 'stages'}.{key}")
    axes = {key: list(_values(axis)) for key, axis in settings.axes.items()}
    count = len(settings.seeds)
    for key, values in axes.items():
        count *= len(values)
        names = [_slug(label) for label, _ in values]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"{path}: axes.{key}: two values are called '{twice[0]}'; give them names, as {{a: ...}}")
    if count > MOST_RUNS and not confirmed:
        raise InputError(
            f"{path}: {count} runs, more than {MOST_RUNS}; take fewer values or seeds, or say --config confirm_grid=1"
        )
    runs = []
    for chosen in product(*axes.values()):
        overrides = merge(base, settings.stages)
        for key, (_, value) in zip(axes, chosen, strict=True):
            if key == "training_set":  # as that of a variant, it takes the place of the other
                overrides = {**overrides, key: value}
                continue
            for part in reversed(key.split(".")):
                value = {part: value}
            overrides = merge(overrides, value)
        labels = {key: label for key, (label, _) in zip(axes, chosen, strict=True)}
        stem = "_".join(f"{key.rsplit('.', 1)[-1]}_{_slug(label)}" for key, label in labels.items())
        for seed in settings.seeds:
            runs.append(Run(f"{stem}_seed_{seed}", labels, seed, {**overrides, "seed": seed}))
    return runs


def check_axes(study: Study, path: Path) -> None:
    """Raise an InputError for a measure that runs do not have, or an axis on which nothing that is measured depends."""
    stages = {name: measures()[name].depends_on for name in study.settings.measures}
    for name, stage in stages.items():
        for run in study.runs:
            if not study.system.runs(run.name, stage):
                raise InputError(f"{path}: measures: {name} is measured by the stage {stage}, which {run.name} lacks")
    for axis, values in study.settings.axes.items():
        if len(values) == 1:
            continue
        found: dict[tuple, set] = {}
        for run in study.runs:
            others = (run.seed, *(str(value) for key, value in run.values.items() if key != axis))
            keys = tuple(study.system.trained[run.name].key(stage) for stage in sorted(set(stages.values())))
            found.setdefault(others, set()).add(keys)
        if all(len(keys) == 1 for keys in found.values()):
            raise InputError(
                f"{path}: axes.{axis}: nothing that is measured ({', '.join(study.settings.measures)}) depends on it"
            )


def _check_key(key: str, place: str) -> None:
    """Raise an InputError where a key is none of a stage section, or one that all runs share."""
    section = key.split(".")[0]
    if section == "prepare":
        raise InputError(f"{place}: all runs of a study share the prepared frames; write a second system file")
    if section == "seed":
        raise InputError(f"{place}: the seeds of a study stand in `seeds`")
    if section in SystemSettings.model_fields and section != "training_set":
        raise InputError(f"{place}: all runs of a study share {section} of the system; write a second system file")
    if section not in StageSettings.model_fields and section != "training_set":
        known = ", ".join(name for name in StageSettings.model_fields if name not in ("prepare", "seed"))
        raise InputError(f"{place} names no key; the first part is a stage section ({known}) or training_set")


def _values(axis: list | dict) -> Iterator[tuple[Any, Any]]:
    """Label and value of each."""
    return iter(axis.items()) if isinstance(axis, dict) else ((value, value) for value in axis)


def _slug(label: Any) -> str:
    """A label as a part of a folder's name: 0.95 as 0p95."""
    return re.sub(r"[^A-Za-z0-9]+", "_", str(label).lower().replace(".", "p").replace("-", "m"))
