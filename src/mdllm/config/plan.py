"""The plan of a run: preset <- overrides <- system <- variant, checked, and what runs because of it.

`Plan` is what the workflow asks: which systems and variants run, what each stage reads, and which variant already
provides a stage's result.
"""

import contextlib
from functools import cached_property
from pathlib import Path

from mdllm.config.choices import DiscretizerSettings
from mdllm.config.effects import check_overrides, check_system
from mdllm.config.reading import merge, read_yaml, validate
from mdllm.config.section import require
from mdllm.config.settings.simulation import SharedSource, SimulationSource
from mdllm.config.settings.stages import RunSettings, StageSettings
from mdllm.config.settings.system import SystemSettings, TrainingSet, require_radians
from mdllm.config.studies import PREFIX, Study, check_axes, expand, read_study, studied_systems
from mdllm.config.systems import IN_WORDS, MAIN, SHARED_FOLDERS, System, Variant, with_rounds
from mdllm.core.errors import InputError

PRESETS = Path(__file__).with_name("presets")


class Plan:
    """All systems of a run.

    Args:
        run: content of config.yaml, with what the command line laid over it.
        folder: the folder that holds `systems/`, and `presets/` where there are more than those that come with mdllm.

    Raises:
        InputError: any file is missing, misspelled or inconsistent, or holds a key without effect.
    """

    def __init__(self, run: dict, folder: Path):
        self.run = validate(RunSettings, run, "config.yaml and --config")
        folder = Path(folder)
        preset_file = _preset_file(folder, self.run.preset)
        preset = read_yaml(preset_file)
        validate(StageSettings, preset, str(preset_file))
        self._base = merge(merge(StageSettings().model_dump(mode="json"), preset), self.run.overrides)
        self._settings = validate(StageSettings, self._base, f"{preset_file} with `overrides` of config.yaml")
        self._config, self._folder, self._studies = folder, folder / "systems", {}
        self.systems: dict[str, System] = {name: self._system(name) for name in self._selected()}
        every = [(system, variant) for system in self.systems.values() for variant in system.variants.values()]
        check_overrides(self.run.overrides, every, "config.yaml and --config: overrides")

    def _selected(self) -> list[str]:
        if self.run.only is None:
            return self.run.systems
        only = [name.strip() for name in self.run.only.split(",")] if isinstance(self.run.only, str) else self.run.only
        return list(dict.fromkeys(only))

    @cached_property
    def teachers(self) -> dict[str, System]:
        """The systems that those of the run learn from, and that are none of them: of these the frames are prepared."""
        names = {name for system in self.systems.values() for name in system.learns_from()}
        return {name: self._system(name) for name in sorted(names - self.systems.keys())}

    @cached_property
    def known(self) -> dict[str, System]:
        """The systems of the run, those that they learn from, and those that studies are about or learn from and whose
        files are sound."""
        found = {**self.systems, **self.teachers}
        for name in studied_systems(self._config):
            with contextlib.suppress(InputError):  # which `system` raises as soon as it is asked for
                found.setdefault(name, self._system(name))
        return found

    def system(self, name: str) -> System:
        """A system of the run or of a study, or that of a study itself.

        Raises:
            InputError: a file is missing, misspelled or inconsistent.
        """
        if name in self.known:
            return self.known[name]
        return self.study(name.removeprefix(PREFIX)).system if name.startswith(PREFIX) else self._system(name)

    def study(self, name: str) -> Study:
        """A study of config/studies, with its runs.

        Raises:
            InputError: a file is missing, misspelled or inconsistent, the grid is too large and not confirmed, or an
                axis names no key, has no effect, or one that all runs share.
        """
        if name not in self._studies:
            self._studies[name] = self._study(name)
        return self._studies[name]

    def _study(self, name: str) -> Study:
        path, chosen = read_study(self._config, name)
        place = self._folder / f"{chosen.system}.yaml"
        settings = validate(SystemSettings, read_yaml(place), str(place))
        variants = {MAIN: {}, **settings.variants} if settings.main else settings.variants
        if chosen.base not in variants:
            raise InputError(f"{path}: base: {chosen.system} has no variant {chosen.base}, but {', '.join(variants)}")
        base = variants[chosen.base]
        if settings.training_set is not None:
            base = {"training_set": settings.training_set.model_dump(exclude_unset=True), **base}
        runs = expand(chosen, path, base, self.run.confirm_grid)
        varied = settings.model_copy(update={"main": False, "variants": {run.name: run.overrides for run in runs}})
        system = self._build(f"{PREFIX}{name}", path, varied, "runs", chosen.system)
        if system.prepare() != self.system(chosen.system).prepare():
            raise InputError(
                f"{path}: these runs need other prepared frames than {chosen.system} (of other atoms, or with other "
                "variables); write a second system file"
            )
        study = Study(name, chosen, runs, system)
        check_axes(study, path)
        return study

    def _system(self, name: str) -> System:
        path = self._folder / f"{name}.yaml"
        return self._build(name, path, validate(SystemSettings, read_yaml(path), str(path)))

    def _build(
        self, name: str, path: Path, settings: SystemSettings, called: str = "variants", frames_of: str | None = None
    ) -> System:
        """The system of a file, or, with the name of the system whose frames it takes, that of a study."""
        base, common = self._base, self._settings
        if settings.stages:
            base = merge(base, settings.stages)
            common = validate(StageSettings, base, f"{path}: stages")
        variants = {MAIN: _variant(common, settings.training_set)} if settings.main else {}
        for variant, overrides in settings.variants.items():
            place = f"{path}: {called}.{variant}"
            _check_variant(variant, overrides, place)
            content = merge(base, {key: value for key, value in overrides.items() if key != "training_set"})
            frames = settings.training_set
            if "training_set" in overrides:
                frames = validate(TrainingSet, overrides["training_set"], f"{place}.training_set")
                _check_states(frames, settings, f"{place}.training_set.state")
            variants[variant] = _variant(validate(StageSettings, content, place), frames)
        simulation = None if frames_of else self._simulation(name, path, settings.source)
        system = System(name, settings, with_rounds(variants, str(path)), simulation, frames_of)
        check_system(settings, system, str(path))
        for other in system.learns_from():
            self._check_teacher(other, system, f"{path}: model.tuning.system")
        for variant, chosen in system.variants.items():
            _check_codes(settings, system, chosen, f"{path}: variant {variant}")
            if taken := sorted((system.trainings(variant).keys() - {variant}) & system.variants.keys()):
                raise InputError(
                    f"{path}: {called}.{taken[0]}: this name is taken by a training of '{variant}' "
                    "(kinetics.trainings); choose another"
                )
        if frames_of:  # the keys of a system were checked with all its variants, those of a study with all its runs
            every = {}
            for overrides in settings.variants.values():
                every = merge(every, {key: value for key, value in overrides.items() if key != "training_set"})
            check_overrides(every, [(system, variant) for variant in variants.values()], str(path))
            return system
        check_overrides(settings.stages, ((system, v) for v in variants.values()), f"{path}: stages")
        for variant, overrides in settings.variants.items():
            stages = {key: value for key, value in overrides.items() if key != "training_set"}
            check_overrides(stages, [(system, variants[variant])], f"{path}: variants.{variant}")
        return system

    def _check_teacher(self, name: str, system: System, key: str) -> None:
        """Raise an InputError where a system cannot learn from the frames of the system `name`."""
        if name in (system.name, system.frames_of):
            raise InputError(f"{key}: '{name}' is the system itself; leave this key out")
        place = self._folder / f"{name}.yaml"
        source = validate(SystemSettings, read_yaml(place), str(place)).source
        if source.frames_are != "atoms":
            raise InputError(
                f"{key}: '{name}' is a {IN_WORDS[source.frames_are]}, which has no backbones to learn from"
            )

    def _simulation(self, name: str, path: Path, source) -> tuple[str, SimulationSource] | None:
        """The simulation that makes the frames of a system, with the name of the system that it belongs to."""
        if isinstance(source, SharedSource):
            place = self._folder / f"{source.system}.yaml"
            shared = validate(SystemSettings, read_yaml(place), str(place)).source
            if shared.simulated != "molecule":
                raise InputError(
                    f"{path}: source.system: '{source.system}' is not simulated, so there is no simulation to share"
                )
            return source.system, shared
        return (name, source) if source.simulated == "molecule" else None

    def simulations(self) -> dict[str, SimulationSource]:
        """All simulations that the selected systems need, by the system that they belong to."""
        return dict(system.simulation for system in self.known.values() if system.simulation is not None)

    def with_frames(self, kind: str) -> list[str]:
        """Names of the systems whose frames are of a kind: atoms, potential or series."""
        return [name for name, system in self.known.items() if system.frames_are == kind]

    def conditions(self, system: str, variant: str) -> dict:
        """What the results of a variant are made with, as far as the config says."""
        return {"preset": self.run.preset, **self.system(system).conditions(variant)}

    def runs(self) -> list[tuple[str, str]]:
        """All (system, variant) pairs, in the order of the config."""
        return [(name, variant) for name, system in self.systems.items() for variant in system.variants]


def _preset_file(folder: Path, name: str) -> Path:
    """The user's own preset of this name, or the one that comes with mdllm."""
    own, shipped = (place / f"{name}.yaml" for place in (folder / "presets", PRESETS))
    return shipped if shipped.is_file() and not own.is_file() else own


def _variant(settings: StageSettings, training_set: TrainingSet | None) -> Variant:
    """A variant; of one that gives a frame one code, the training set may be missing: all frames."""
    variant = Variant(settings, training_set or TrainingSet())
    return variant if variant.decoded or training_set else Variant(settings)


def _check_variant(name: str, overrides: dict, place: str) -> None:
    if name in SHARED_FOLDERS:
        raise InputError(f"{place}: this name is taken by a folder of results; choose another")
    if "prepare" in overrides:
        raise InputError(f"{place}.prepare: all variants share the prepared frames; write a second system file")


def _check_states(frames: TrainingSet, settings: SystemSettings, place: str) -> None:
    for state in frames.states if settings.states != "auto" else ():
        if state not in settings.states:
            raise InputError(f"{place}: '{state}' is not defined; defined are {', '.join(settings.states)}")


def _check_codes(settings: SystemSettings, system: System, variant: Variant, place: str) -> None:
    """Raise an InputError where a discretizer asks for what the system does not have, or lags do not fit the model."""
    if not variant.kinetic:
        return
    chosen = variant.settings
    discretizer: DiscretizerSettings = chosen.kinetics.discretizer if variant.decoded else chosen.tokenizer
    key = f"{place}: {'kinetics.discretizer' if variant.decoded else 'tokenizer'}"
    try:
        for name in discretizer.reads_variables():
            require(name, settings.collective_variables, key)
        for name, values in discretizer.edges().items():
            require_radians(settings.collective_variables[name], f"{key}: {name}", *values)
    except ValueError as error:
        raise InputError(str(error)) from error
    if discretizer.reads_atoms and system.frames_are != "atoms":
        raise InputError(f"{key}.name: {discretizer.name} reads atoms, and a {IN_WORDS[system.frames_are]} has none")
    for name in discretizer.wraps():
        if not settings.collective_variables[name].periodic:
            raise InputError(f"{key}: give `low` and `high`, since {name} is no angle that wraps at +-pi")
    if lacking := sorted(discretizer.unknown_to_codes(settings.variables_of_states())):
        known = ", ".join(discretizer.reads_variables())
        raise InputError(
            f"{place}: states are regions of {lacking[0]}, which a code of {discretizer.name} does not have; define "
            f"states by {known}, or choose another {key.rsplit(' ', 1)[-1]}"
        )
    if settings.states == "auto":
        raise InputError(f"{place}: states: kinetics need two that are defined by collective variables, not auto")
    if len(settings.states) < 2:
        raise InputError(f"{place}: states: kinetics need two, and there is {len(settings.states)}")
    for name in chosen.kinetics.committor or ():
        if name not in settings.states:
            known = ", ".join(settings.states)
            raise InputError(f"{place}: kinetics.committor names '{name}', which is no state; states are {known}")
    if chosen.kinetics.committor and len(set(chosen.kinetics.committor)) == 1:
        raise InputError(f"{place}: kinetics.committor names '{name}' twice; a committor is between two states")
    step = chosen.model.frames_per_step
    if chosen.kinetics.lag % step:
        raise InputError(
            f"{place}: kinetics.lag: a lag of {chosen.kinetics.lag} MD frames does not fall on the model's frames, "
            f"which come every {step} MD frames; choose a multiple of {step}"
        )
    longest = chosen.kinetics.lag // step * chosen.kinetics.chapman_kolmogorov_steps
    generated = chosen.rollout.frames // discretizer.stride if variant.decoded else chosen.rollout.frames
    if longest >= generated:
        raise InputError(
            f"{place}: kinetics.lag times kinetics.chapman_kolmogorov_steps is {longest} generated frames, and "
            f"rollout.frames makes {generated}; lower one of the former, or raise the latter"
        )
