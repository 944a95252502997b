"""A system under its variants: what each stage reads, which variant provides its result, where the frames come from."""

from dataclasses import dataclass, replace
from functools import cached_property

from mdllm.config.settings.kinetics import KineticSystemSettings, PotentialSource
from mdllm.config.settings.sequence import NanoGptModel
from mdllm.config.settings.simulation import SimulationSource
from mdllm.config.settings.stages import StageSettings
from mdllm.config.settings.system import FilesSource, Observables, PackageSource, SystemSettings, TrainingSet
from mdllm.config.source_files import source_files
from mdllm.core.errors import InputError
from mdllm.core.records import digest

MAIN = "main"
SHARED_FOLDERS = ("raw", "frames", "figures")
# The stages whose results depend on the variant, in order, with the sections of `StageSettings` that each one reads.
VARIANT_STAGES = {
    "tokenize": ("seed", "tokenizer"),
    "fidelity": ("fidelity",),
    "exact": ("kinetics",),
    "md_kinetics": ("seed", "analysis", "kinetics"),
    "finetune": ("seed", "language", "model", "training"),
    "rollout": ("seed", "language", "rollout"),
    "decode": ("seed", "decode"),
    "analyze": ("seed", "analysis"),
    "kinetics": ("seed", "analysis", "kinetics"),
    "trace": ("seed", "language", "causal_trace"),
}
_MEASUREMENTS = ("fidelity", "exact", "md_kinetics", "kinetics", "trace")  # no later stage reads their sections
_OF_ONE_TRAINING = ("finetune", "rollout")  # what is done anew for each of several trainings


@dataclass(frozen=True)
class Variant:
    """One system under one set of overrides.

    Attributes:
        training: number of the training, from 0, of several that differ in their seed only.
    """

    settings: StageSettings
    training_set: TrainingSet | None = None
    training: int = 0

    def read_by(self, stage: str) -> dict:
        """The sections that `stage` reads, as plain values."""
        sections = self.settings.model_dump(mode="json", include=set(VARIANT_STAGES[stage]))
        if stage in _OF_ONE_TRAINING:
            sections["seed"] += self.training
        return sections

    @cached_property
    def _keys(self) -> dict[str, str]:
        keys, history = {}, [self.training_set and self.training_set.model_dump(mode="json")]
        for stage in VARIANT_STAGES:
            own = self.read_by(stage)
            keys[stage] = digest([*history, own])
            if stage not in _MEASUREMENTS:
                history.append(own)
        return keys

    def key(self, stage: str) -> str:
        """Digest of all that `stage` and the stages before it read from the variant."""
        return self._keys[stage]


@dataclass(frozen=True)
class _AnySystem:
    """What systems of both kinds have in common.

    Attributes:
        variants: by name, in the order of the file.
        simulations: name of the system that `source` names, and its simulation; none where nothing is simulated.
    """

    name: str
    settings: SystemSettings | KineticSystemSettings
    variants: dict[str, Variant]
    simulation: tuple[str, SimulationSource] | None = None

    def provider(self, variant: str, stage: str) -> str:
        """The first variant whose `stage` is the same as that of `variant`: its result is shared, not run again."""
        key = self._trained[variant].key(stage)
        return next(name for name, other in self._trained.items() if other.key(stage) == key)

    @property
    def _trained(self) -> dict[str, Variant]:
        """Everything that is trained, by the name of its folder."""
        return self.variants

    def raw_source(self) -> PackageSource | FilesSource:
        """Where acquire finds the raw frames; of a simulated system they are what the rule simulate makes."""
        if self.simulation is None:
            return self.settings.source
        name, source = self.simulation
        raw = [f"results/{name}/raw/replica_{number}" for number in range(source.replicas)]
        return FilesSource(
            type="files", topology=f"{raw[0]}/topology.pdb", trajectories=[f"{folder}/trajectory.xtc" for folder in raw]
        )

    def raw_files(self) -> list[str]:
        """The files that acquire needs: the user's, or those of the rule simulate; none if a package holds them."""
        source = self.raw_source()
        if isinstance(source, PackageSource):
            return []
        if self.simulation is not None:
            return [source.topology, *source.trajectories]
        try:
            topology, trajectories = source_files(source)
        except InputError as error:
            raise InputError(f"config/systems/{self.name}.yaml: {error}") from error
        return [topology, *trajectories]

    def stage(self, variant: str, stage: str) -> dict:
        """The slice of the config that a stage of VARIANT_STAGES reads, as plain values."""
        return self._trained[variant].read_by(stage)


class System(_AnySystem):
    """One molecular system whose frames are backbones, with its variants, `main` first."""

    settings: SystemSettings

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


class KineticSystem(_AnySystem):
    """One system whose frames are states along time; every variant is a model."""

    settings: KineticSystemSettings

    def prepare(self) -> dict:
        """What the stage prepare reads."""
        return self.settings.model_dump(mode="json", include={"atoms", "frame_interval_ps", "collective_variables"})

    def knowledge(self) -> dict:
        """What tokenize and the analysis know of the system: all of its file but the models."""
        return self.settings.model_dump(mode="json", exclude={"variants", "stages"}) | {"variants": {"any": {}}}

    def trainings(self, variant: str) -> dict[str, Variant]:
        """The trainings of a variant by the names of their folders; the first has the variant's own."""
        first = self.variants[variant]
        numbers = range(1, first.settings.kinetics.trainings)
        return {variant: first} | {f"{variant}_training{n + 1}": replace(first, training=n) for n in numbers}

    @cached_property
    def _trained(self) -> dict[str, Variant]:
        repeated = [self.trainings(variant) for variant in self.variants]
        return self.variants | {name: variant for trainings in repeated for name, variant in trainings.items()}

    def traced(self) -> list[str]:
        """Variants whose model a causal trace can look into."""
        return [name for name, variant in self.variants.items() if isinstance(variant.settings.model, NanoGptModel)]

    def is_potential(self) -> bool:
        return isinstance(self.settings.source, PotentialSource)
