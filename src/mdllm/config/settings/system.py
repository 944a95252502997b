"""What a system file may hold: where the frames come from, and what is known of the molecule."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from mdllm.config.section import Name, Section
from mdllm.config.settings.simulation import SimulationSource, StructureFile

_SEGMENT = r"\.?[^./\\][^/\\]*"
PackagedPath = Annotated[str, Field(pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$", description="path inside the wheel")]
PackageName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", description="name on the index (PEP 508)")
]
PackageVersion = Annotated[
    str,
    Field(
        pattern=r"^([0-9]+!)?[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?$",
        description="one release, normalized (PEP 440)",
    ),
]
FrameRange = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


class PackagedFile(Section):
    path: PackagedPath
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class PackageSource(Section):
    """Files inside a wheel of the Python package index, fetched by version and checked by SHA-256."""

    type: Literal["package"]
    package: PackageName
    version: PackageVersion
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


class CoordinateCV(Section):
    """Coordinate of a particle in a model potential, without a unit."""

    type: Literal["coordinate"]
    axis: Literal["x", "y"]


CollectiveVariable = Annotated[
    DistanceCV | AngleCV | DihedralCV | TorsionCV | RmsdCV | GyrationCV | CoordinateCV, Field(discriminator="type")
]


def is_periodic(cv: CollectiveVariable) -> bool:
    """Whether values wrap at +-pi. A bond angle lies in [0, pi] and does not."""
    return cv.type in ("dihedral", "phi", "psi")


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
OUTSIDE = "none"  # the label of frames outside all states


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

    @model_validator(mode="after")
    def _regions_hold_something(self):
        if OUTSIDE in self.states:
            raise ValueError(f"states.{OUTSIDE}: this name marks frames outside all states; choose another")
        for state, region in self._regions():
            for cv, (low, high) in region.items():
                if low == high or (low > high and not is_periodic(self.collective_variables[cv])):
                    raise ValueError(
                        f"states.{state}.{cv}: low {low} is not below high {high}; only a dihedral, phi or psi may wrap"
                    )
        return self

    def _regions(self) -> list[tuple[str, Region]]:
        return [(s, region) for s, rs in self.states.items() for region in (rs if isinstance(rs, list) else [rs])]

    def _cvs_of_states(self) -> list[tuple[str, str]]:
        return [(state, cv) for state, region in self._regions() for cv in region]

    def of_states(self) -> "Observables":
        """The part that decides which state a frame is in."""
        used = {cv for _, cv in self._cvs_of_states()}
        cvs = {key: cv for key, cv in self.collective_variables.items() if key in used}
        named = {cv.reference for cv in cvs.values() if isinstance(cv, RmsdCV)}
        references = {key: reference for key, reference in self.references.items() if key in named}
        return Observables(collective_variables=cvs, states=self.states, references=references)


class SystemSettings(Observables):
    """One molecular system: where its frames come from, and what is known of it."""

    kind: Literal["structure"] = "structure"
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
