"""What every config file may hold, as frozen typed objects: the single source of the JSON Schemas.

Each stage has one section. Units stand in the key (`_nm`, `_rad`, `_ps`); a key that is not listed here is an error.
`workflow/schemas/*.json` are written from these classes by ``python -m mdllm.core.schemas``.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from mdllm.core.section import Section
from mdllm.core.simulation_settings import SimulationSource, StructureFile

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]*$")]
FrameRange = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


class PrepareSettings(Section):
    stride: PositiveInt = Field(1, description="keep every n-th frame of the raw trajectory")


class FittedOnFrames(Section):
    fit_frames: PositiveInt = Field(5000, description="training frames fitted at most, evenly spread")


class MultiscaleSettings(FittedOnFrames):
    name: Literal["multiscale"] = "multiscale"
    codebook_size: Annotated[int, Field(ge=2)] = Field(128, description="number of codes K")
    neighbours: PositiveInt = Field(8, description="rebuilt residues that a residue's pose is guessed from")
    rotation_length_nm: PositiveFloat = Field(0.2, description="a turn by t radian counts like a shift by t times this")
    chain_share: Share = Field(0.3, description="share of codes that are steps of the chain, for unseen states")
    chain_weight: Annotated[float, Field(ge=0)] = Field(
        0.2, description="weight of a residue's place as seen from its chain neighbours, against its place in space"
    )


class TorsionGridSettings(FittedOnFrames):
    name: Literal["torsion_grid"]
    bins: PositiveInt = Field(15, description="bins per torsion; K = bins squared")


class FoldToken4Settings(FittedOnFrames):
    """The released FoldToken4, from the user's copies of its code and weights (docs/foldtoken4.md)."""

    name: Literal["foldtoken4"]
    checkout: str = Field(description="folder of the clone of github.com/A4Bio/FoldToken_open")
    weights: str = Field(description="the checkpoint of Zenodo record 13901445")
    config: str | None = Field(None, description="its config.yaml; null: the one beside the weights")
    weights_checksum: str | None = Field(
        None,
        pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$",
        description="of the weights, as Zenodo prints it; null: recorded, not compared",
    )
    level: Annotated[int, Field(ge=1, le=12)] = Field(8, description="K = 2^level codes")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA where there is one")
    decoder_seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="seed of the decoder's start")
    chains: list[PositiveInt] | None = Field(None, description="residues of each chain, in order; null: one chain")
    resume_folder: str | None = Field(
        None, description="folder of finished chunks, so that a killed stage continues; null: none"
    )


TokenizerSettings = Annotated[
    MultiscaleSettings | TorsionGridSettings | FoldToken4Settings, Field(discriminator="name")
]


class FidelitySettings(Section):
    """What encode->decode must keep, before any model is trained; a limit that fails stops the run."""

    training_rmsd_nm: PositiveFloat = Field(0.06, description="largest median backbone RMSD on training frames")
    training_state_kept: Share = Field(0.9, description="smallest share of training frames still in their state")
    unseen_frames: PositiveInt = Field(2000, description="unseen frames measured, evenly spread over all others")


class LanguageSettings(Section):
    context_frames: PositiveInt = Field(5, description="frames N that a window shows before the next frame")
    stride: PositiveInt = Field(1, description="frames between the starts of two training windows")
    loss: Literal["all", "last"] = Field("all", description="frames of a window that the loss counts")
    time_reversed: bool = Field(True, description="show every training window backwards in time as well")


class ScratchModel(Section):
    """A small Mistral (Jiang et al., arXiv 2310.06825) with random weights."""

    name: Literal["mistral"] = "mistral"
    layers: PositiveInt = 2
    hidden_size: PositiveInt = 64
    heads: PositiveInt = 4
    key_value_heads: PositiveInt = 4
    intermediate_size: PositiveInt = 128
    dropout: Share = Field(0.0, description="attention dropout")


class TrainingSettings(Section):
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic; weights stay float32")
    optimizer: str = Field("adamw_torch", description="any `optim` of transformers.TrainingArguments")
    learning_rate: PositiveFloat = 2e-3
    weight_decay: float = Field(0.01, ge=0)
    scheduler: str = Field("linear", description="any `lr_scheduler_type` of transformers.TrainingArguments")
    warmup_steps: int = Field(5, ge=0)
    batch_size: PositiveInt = Field(8, description="windows per step and device")
    accumulation: PositiveInt = Field(1, description="steps whose gradients are added before an update")
    max_steps: PositiveInt = Field(300, description="optimizer updates at most")
    evaluate_every: PositiveInt = Field(20, description="updates between two validations and checkpoints")
    patience: PositiveInt = Field(6, description="validations without improvement before training stops")
    validation_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.15, description="share of training frames, at the end, kept for validation"
    )


class RolloutSettings(Section):
    frames: PositiveInt = Field(200, description="frames generated per replica")
    replicas: PositiveInt = Field(16, description="independent rollouts")
    batch: PositiveInt = Field(16, description="replicas computed together; part of the result's identity")
    temperature: PositiveFloat = 1.0
    top_k: PositiveInt = 100
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    checkpoint_every: PositiveInt = Field(20, description="frames between two checkpoints")


class DecodeSettings(Section):
    samples: PositiveInt = Field(
        1, description="structures per generated frame; above 1 they are drawn from the tokenizer's uncertainty"
    )


class AnalysisSettings(Section):
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="level of every interval")
    resamples: PositiveInt = Field(2000, description="bootstrap resamples over replicas")


class StageSettings(Section):
    """Everything a variant may override, one section per stage."""

    seed: int = Field(0, ge=0, description="root of every random draw")
    prepare: PrepareSettings = PrepareSettings()
    tokenizer: TokenizerSettings = MultiscaleSettings()
    fidelity: FidelitySettings = FidelitySettings()
    language: LanguageSettings = LanguageSettings()
    model: ScratchModel = ScratchModel()
    training: TrainingSettings = TrainingSettings()
    rollout: RolloutSettings = RolloutSettings()
    decode: DecodeSettings = DecodeSettings()
    analysis: AnalysisSettings = AnalysisSettings()


class PackagedFile(Section):
    path: str = Field(description="path inside the wheel")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class PackageSource(Section):
    """Files inside a wheel of the Python package index, fetched by version and checked by SHA-256."""

    type: Literal["package"]
    package: str
    version: str
    topology: PackagedFile
    trajectories: list[PackagedFile] = Field(min_length=1)


class FilesSource(Section):
    """The user's own files, in any format that MDAnalysis reads."""

    type: Literal["files"]
    topology: str = Field(description="path, absolute or relative to the working directory")
    trajectories: list[str] = Field(min_length=1, description="paths or glob patterns, in order of time")


Source = Annotated[PackageSource | FilesSource | SimulationSource, Field(discriminator="type")]


class DistanceCV(Section):
    """Distance between the centres of two selections, nm."""

    type: Literal["distance"]
    a: str
    b: str


class AngleCV(Section):
    """Angle at b between the centres of three selections, radian."""

    type: Literal["angle"]
    a: str
    b: str
    c: str


class DihedralCV(Section):
    """Dihedral of the centres of four selections, radian."""

    type: Literal["dihedral"]
    a: str
    b: str
    c: str
    d: str


class TorsionCV(Section):
    """Backbone phi or psi of one residue, radian."""

    type: Literal["phi", "psi"]
    residue: int = Field(description="residue number in the topology")
    segment: str | None = Field(None, description="segment or chain, where residue numbers repeat")


class RmsdCV(Section):
    """RMSD to a reference after superposition, both on one selection, nm."""

    type: Literal["rmsd"]
    reference: Name = Field(description="name of a reference, or `training_start` (first training frame)")
    selection: str = "name N CA C"


class GyrationCV(Section):
    """Radius of gyration of a selection, atoms weighted equally, nm."""

    type: Literal["radius_of_gyration"]
    selection: str = "name N CA C"


CollectiveVariable = Annotated[
    DistanceCV | AngleCV | DihedralCV | TorsionCV | RmsdCV | GyrationCV, Field(discriminator="type")
]


class Reference(StructureFile):
    """A known structure, or an ensemble of them (every model of the file)."""

    selection: str = "protein"
    state: Name | None = Field(None, description="state that the reference stands for")
    label: str | None = Field(None, description="name in figures; default: the reference's key")


class TrainingSet(Section):
    """Frames of one state, within frame ranges of the raw trajectory (0-based, inclusive, counted over all files)."""

    state: Name
    frames: list[FrameRange] | None = Field(None, description="ranges [first, last]; null: every frame")


Region = dict[str, tuple[float, float]]
TRAINING_START = "training_start"


class Observables(Section):
    """What is measured on every frame, simulated, generated or known from experiment."""

    collective_variables: dict[Name, CollectiveVariable] = Field(min_length=1)
    states: dict[Name, Region | list[Region]] = Field(
        min_length=1,
        description="regions {CV: [low, high]} in nm or radian; a list is a union; low > high wraps an angle",
    )
    references: dict[Name, Reference] = Field(default={})

    @model_validator(mode="after")
    def _names_exist(self):
        for state, cv in self._cvs_of_states():
            require(cv, self.collective_variables, f"states.{state}")
        for key, cv in self.collective_variables.items():
            if isinstance(cv, RmsdCV) and cv.reference != TRAINING_START:
                require(cv.reference, self.references, f"collective_variables.{key}.reference")
        for key, reference in self.references.items():
            if reference.state is not None:
                require(reference.state, self.states, f"references.{key}.state")
        for state, cv in self._cvs_of_states():
            if getattr(self.collective_variables[cv], "reference", None) == TRAINING_START:
                raise ValueError(
                    f"states.{state}: '{cv}' depends on the training set, which states define; use another"
                )
        return self

    def _cvs_of_states(self) -> list[tuple[str, str]]:
        regions = [(s, r) for s, rs in self.states.items() for r in (rs if isinstance(rs, list) else [rs])]
        return [(state, cv) for state, region in regions for cv in region]

    def of_states(self) -> "Observables":
        """The part that decides which state a frame is in."""
        used = {cv for _, cv in self._cvs_of_states()}
        cvs = {key: cv for key, cv in self.collective_variables.items() if key in used}
        named = {cv.reference for cv in cvs.values() if isinstance(cv, RmsdCV)}
        references = {key: reference for key, reference in self.references.items() if key in named}
        return Observables(collective_variables=cvs, states=self.states, references=references)


class SystemSettings(Observables):
    """One molecular system: where its frames come from, and what is known of it."""

    description: str
    source: Source
    frame_interval_ps: PositiveFloat | None = Field(
        None, description="time between raw frames; null: as the trajectory says"
    )
    selection: str = Field("protein", description="MDAnalysis selection of the chain(s) to model")
    training_set: TrainingSet
    plane: tuple[Name, Name] = Field(description="the two CVs of figures a and b")
    variants: dict[Name, dict] = Field(
        default={}, description="named overrides of stage sections and of `training_set`; `main` has none"
    )

    @model_validator(mode="after")
    def _choices_exist(self):
        for axis in self.plane:
            require(axis, self.collective_variables, "plane")
        require(self.training_set.state, self.states, "training_set.state")
        if "main" in self.variants:
            raise ValueError("variants.main: `main` is the run without overrides; choose another name")
        return self


def require(name: str, known: dict, key: str) -> None:
    """Raise a ValueError that says what `key` may name, unless it names something in `known`."""
    if name not in known:
        raise ValueError(f"{key} names '{name}', which is not defined; defined are {', '.join(known) or 'none'}")


class RunSettings(Section):
    """config.yaml: which systems run, and on which preset."""

    systems: list[Name] = Field(min_length=1, description="names of files in config/systems, without .yaml")
    only: str | list[Name] | None = Field(None, description="run just these systems (comma-separated or a list)")
    preset: Name = Field("cpu", description="name of a file in config/presets, without .yaml")
    overrides: dict = Field(default={}, description="stage sections laid over the preset, for all systems")
