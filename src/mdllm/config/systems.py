"""A system under its variants: what each stage reads, which variant provides its result, where the frames come from."""

from dataclasses import dataclass, replace
from functools import cached_property

from mdllm.config.choices import SOURCES, SourceSettings
from mdllm.config.settings.simulation import SimulationSource
from mdllm.config.settings.stages import StageSettings
from mdllm.config.settings.system import UNORDERED, Observables, SystemSettings, TrainingSet
from mdllm.core.errors import InputError
from mdllm.core.records import digest

MAIN = "main"
SHARED_FOLDERS = ("raw", "frames", "figures", "survey")
IN_WORDS = {"potential": "model potential", "series": "series"}  # frames that are no atoms
# The stages whose results depend on the variant, in order, with the sections of `StageSettings` that each one reads;
# what chooses by name what it loads, tokenizer or model, is among them.
VARIANT_STAGES = {
    "join": (),
    "tokenize": ("seed", "tokenizer"),
    "fidelity": ("tokenizer", "fidelity"),
    "redraw": ("seed", "model", "rollout", "redraw"),
    "discretize": ("seed", "kinetics"),
    "exact": ("tokenizer", "kinetics"),
    "md_kinetics": ("seed", "analysis", "kinetics"),
    "train": ("seed", "language", "model", "training"),
    "rollout": ("seed", "language", "model", "rollout"),
    "decode": ("seed", "tokenizer", "decode"),
    "analyze": ("seed", "analysis"),
    "discretize_rollout": ("kinetics",),
    "kinetics": ("seed", "analysis", "kinetics"),
    "trace": ("seed", "language", "model", "causal_trace"),
    "kinetic_distance": ("language", "model"),
    "novelty": ("seed", "tokenizer", "analysis", "novelty"),
    "dynamics": ("dynamics",),
    "properties": ("properties",),
    "sample": (),
    "propose": ("seed", "novelty", "verification"),
    "verify": ("seed", "novelty", "verification"),
    "summarize": ("analysis",),
}
# No later stage reads the sections of these.
_MEASUREMENTS = (
    "join",
    "fidelity",
    "discretize",
    "exact",
    "md_kinetics",
    "redraw",
    "discretize_rollout",
    "kinetics",
    "trace",
    "kinetic_distance",
    "dynamics",
    "properties",
    "sample",
    "propose",
    "verify",
    "summarize",
)
# Where a tokenizer gives one code per residue.
_OF_RESIDUES = ("fidelity", "redraw", "decode", "analyze", "novelty", "dynamics", "sample")
# Of decoded variants: neither tokenizer nor training set matters.
_OF_MD_ALONE = ("discretize", "md_kinetics", "properties")
_SEEDS_OF_A_ROUND = 100_000
_OF_ONE_TRAINING = ("train", "rollout")  # what is done anew for each of several trainings


@dataclass(frozen=True)
class Variant:
    """One system under one set of overrides.

    Attributes:
        training: number of the training, from 0, of several that differ in their seed only.
        round: of proposals, from 1; `before` is the variant that was the round before, whose verified frames join the
            training frames, and `known_by` the digest of all that these frames came of.
    """

    settings: StageSettings
    training_set: TrainingSet | None = None
    training: int = 0
    round: int = 1
    before: str | None = None
    known_by: str | None = None

    @property
    def decoded(self) -> bool:
        """Whether residues are coded, so that generated frames become structures."""
        return self.settings.tokenizer.codes_per == "residue"

    @property
    def kinetic(self) -> bool:
        """Whether frames of MD and of the model become discrete trajectories, whose kinetics are estimated."""
        return not self.decoded or self.settings.kinetics.discretizer is not None

    @property
    def traced(self) -> bool:
        """Whether a causal trace looks into the model."""
        return not self.decoded and self.settings.model.traceable

    @property
    def continues(self) -> bool:
        """Whether the model is made of the training frames and continues the last of them."""
        return not self.settings.model.redraws

    @property
    def verified(self) -> bool:
        """Whether MD decides which of the model's new frames stay."""
        return self.decoded and self.settings.verification.wanted

    def runs(self, stage: str) -> bool:
        """Whether a stage of VARIANT_STAGES applies; `exact` depends on the source as well (`System.runs`)."""
        if stage in _OF_RESIDUES:
            return self.decoded
        if stage in ("discretize", "discretize_rollout"):
            return self.decoded and self.kinetic
        if stage in ("md_kinetics", "kinetics"):
            return self.kinetic
        if stage in ("train", "rollout"):
            return self.continues
        if stage == "trace":
            return self.traced
        if stage == "kinetic_distance":  # contexts of one frame are not trained where the loss counts the last alone
            return self.traced and self.settings.language.loss == "all"
        if stage == "properties":
            return self.decoded and self.settings.properties.frames > 0
        if stage == "join":
            return self.before is not None
        if stage in ("propose", "verify"):
            return self.verified
        return True

    def read_by(self, stage: str) -> dict:
        """The sections that `stage` reads, as plain values.

        `discretize` and `discretize_rollout` read the discretizer as the section `tokenizer`.
        """
        sections = self.settings.model_dump(mode="json", include=set(VARIANT_STAGES[stage]))
        if stage in ("discretize", "discretize_rollout"):
            discretizer = sections.pop("kinetics")["discretizer"]
            return {**sections, "tokenizer": discretizer}
        if "seed" in sections:  # a round that drew as the one before would simulate the same again
            sections["seed"] += _SEEDS_OF_A_ROUND * (self.round - 1)
        if stage in _OF_ONE_TRAINING:
            sections["seed"] += self.training
        if stage in ("propose", "verify"):  # a further round changes nothing of those before it
            del sections["verification"]["rounds"]
        if stage == "redraw" and self.continues:  # a null alone, whatever the model is
            return {key: sections[key] for key in ("seed", "redraw")}
        if stage == "redraw":
            del sections["redraw"]
        return sections

    @cached_property
    def _keys(self) -> dict[str, str]:
        keys, history = {}, [self.training_set and self.training_set.plain()]
        history += [self.known_by] if self.before else []
        for stage in VARIANT_STAGES:
            own = self.read_by(stage)
            alone = self.decoded and stage in _OF_MD_ALONE
            keys[stage] = digest([own] if alone else [*history, own])
            if stage not in _MEASUREMENTS:
                history.append(own)
        return keys

    def key(self, stage: str) -> str:
        """Digest of all that `stage` and the stages before it read from the variant."""
        return self._keys[stage]


@dataclass(frozen=True)
class System:
    """One system with its variants.

    Attributes:
        variants: by name, in the order of the file, `main` first where it runs.
        simulation: name of the system that `source` names, and its simulation; none where no molecule is simulated.
        frames_of: the system whose prepared frames these are, of a study; None: its own.
    """

    name: str
    settings: SystemSettings
    variants: dict[str, Variant]
    simulation: tuple[str, SimulationSource] | None = None
    frames_of: str | None = None

    @property
    def frames(self) -> str:
        """The folder of the prepared frames."""
        return f"results/{self.frames_of or self.name}/frames"

    def learns_from(self) -> list[str]:
        """Other systems whose training frames bases learn from."""
        models = [variant.settings.model for variant in self.variants.values() if not variant.continues]
        return sorted({model.learns_from for model in models} - {None})

    def frames_of_variant(self, variant: str) -> str:
        """The folder of the frames that a variant stands on: with those that joined before its round."""
        return f"results/{self.name}/{variant}/frames" if self.trained[variant].before else self.frames

    def provider(self, variant: str, stage: str) -> str:
        """The first variant whose `stage` is the same as that of `variant`: its result is shared, not run again."""
        if stage == "summarize":  # it names the variant
            return variant
        key = self.trained[variant].key(stage)
        return next(name for name, other in self.trained.items() if other.key(stage) == key)

    def trainings(self, variant: str) -> dict[str, Variant]:
        """The trainings of a variant by the names of their folders; the first has the variant's own."""
        first = self.variants[variant]
        count = first.settings.kinetics.trainings if first.kinetic else 1
        return {variant: first} | {f"{variant}_training{n + 1}": replace(first, training=n) for n in range(1, count)}

    @cached_property
    def trained(self) -> dict[str, Variant]:
        """Everything that is trained, by the name of its folder: variants, then their further trainings."""
        repeated = [self.trainings(variant) for variant in self.variants]
        return self.variants | {name: variant for trainings in repeated for name, variant in trainings.items()}

    def context_frames(self, variant: str) -> int | None:
        """Frames that the model of a variant sees before the next; None where it continues no frames."""
        chosen = self.trained[variant]
        return chosen.settings.language.context_frames if chosen.continues else None

    @property
    def decoded(self) -> bool:
        """Whether any variant codes residues: the backbone is then what is kept of the raw frames."""
        return any(variant.decoded for variant in self.variants.values())

    @property
    def frames_are(self) -> str:
        """What a frame is: atoms; a point in a model potential, whose exact kinetics are known; or one of a series."""
        return self.settings.source.frames_are

    def runs(self, variant: str, stage: str) -> bool:
        """Whether a stage applies to a variant."""
        if stage == "exact" and self.frames_are != "potential":
            return False
        if stage in ("dynamics", "properties") and not self.settings.source.in_time:  # nothing moves
            return False
        return self.trained[variant].runs(stage)

    def raw_source(self) -> SourceSettings:
        """Where acquire finds the raw frames; of a simulated system they are what the rule simulate makes."""
        if self.simulation is None:
            return self.settings.source
        name, source = self.simulation
        raw = [f"results/{name}/raw/replica_{number}" for number in range(source.replicas)]
        return SOURCES.classes["files"](
            type="files", topology=f"{raw[0]}/topology.pdb", trajectories=[f"{folder}/trajectory.xtc" for folder in raw]
        )

    def raw_files(self) -> list[str]:
        """The files that acquire needs: the user's, or those of the rule simulate; none where they are fetched."""
        source = self.raw_source()
        if self.simulation is not None:
            return [source.topology, *source.trajectories]
        try:
            return source.raw_files()
        except InputError as error:
            raise InputError(f"config/systems/{self.name}.yaml: {error}") from error

    def stage(self, variant: str, stage: str) -> dict:
        """The slice of the config that a stage of VARIANT_STAGES reads, as plain values.

        Raises:
            InputError: the stage does not apply to the variant.
        """
        if not self.runs(variant, stage):
            raise InputError(f"system {self.name}: there is no {stage} of the variant {variant}; see docs/guide.md")
        return self.trained[variant].read_by(stage)

    def prepare(self) -> dict:
        """What the stage prepare reads; of the collective variables those that decide states or codes."""
        used = self.settings.variables_of_states()
        for variant in self.variants.values():
            discretizer = variant.settings.kinetics.discretizer if variant.decoded else variant.settings.tokenizer
            used |= set(discretizer.reads_variables()) if discretizer else set()
        if not self.decoded:
            used = set(self.settings.collective_variables)
        # of other atoms than the backbone's nothing is kept but the values
        used |= {key for key, cv in self.settings.collective_variables.items() if cv.beyond_backbone()}
        return {
            "residues": self.settings.selection if self.decoded else None,
            "atoms": None if self.decoded else self.settings.atoms,
            "sequence": self.settings.chain_sequences(),
            "frame_interval_ps": self.settings.frame_interval_ps if self.settings.source.in_time else UNORDERED,
            "skip_damaged": self.settings.skip_damaged,
            **next(iter(self.variants.values())).settings.prepare.model_dump(mode="json", exclude_none=True),
            "slow": self.decoded and (self.settings.plane is None or self.settings.states == "auto"),
            "observables": self.settings.with_only(used).model_dump(mode="json"),
        }

    def observables(self) -> dict:
        """Collective variables, states and references."""
        return self.settings.model_dump(mode="json", include=set(Observables.model_fields))

    def conditions(self, variant: str) -> dict:
        """What the results of a variant are made with, as far as the config says."""
        chosen = self.variants[variant]
        settings, chosen_set = chosen.settings, chosen.training_set
        states = None if chosen_set in (None, TrainingSet()) else chosen_set.states
        sampling = ("temperature", "hold_entropy", "top_k", "top_p", "epsilon_cutoff", "replicas", "frames")
        context = {"form": settings.language.form, "context_frames": self.context_frames(variant)}
        if not chosen.continues:
            sampling, context = ("temperature", "replicas", "frames"), {}
        return {
            "round": chosen.round,
            "tokenizer": settings.tokenizer.name,
            "model": settings.model.name,
            "model_details": settings.model.details,
            **context,
            **settings.rollout.model_dump(mode="json", include=set(sampling)),
            "seed": settings.seed,
            "training_states": states,
        }

    def training_set(self, variant: str) -> dict | None:
        """The frames that a variant is trained on; None: all of them."""
        chosen = self.trained[variant].training_set
        return None if chosen is None else chosen.plain()


def with_rounds(variants: dict[str, Variant], path: str) -> dict[str, Variant]:
    """`variants` with the further rounds of proposals of each, behind it.

    Raises:
        InputError: the name of a round is that of another variant.
    """
    found = {}
    for name, variant in variants.items():
        found[name] = variant
        rounds = variant.settings.verification.rounds if variant.verified else 1
        before = name
        for number in range(2, rounds + 1):
            own = f"{name}_round_{number}"
            if own in variants:
                raise InputError(
                    f"{path}: variants.{own}: this name is taken by a round of '{name}' (verification.rounds); choose "
                    "another"
                )
            found[own] = replace(variant, round=number, before=before, known_by=found[before].key("verify"))
            before = own
    return found
