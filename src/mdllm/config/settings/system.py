"""What a system file may hold: where the frames come from, and what is known of the molecule."""

import math
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from mdllm.config.choices import SOURCES, VARIABLES, VariableSettings
from mdllm.config.section import FrameRange, Name, Section, require
from mdllm.config.settings.simulation import StructureFile

Source = SOURCES.union()
CollectiveVariable = VARIABLES.union()
Region = dict[str, tuple[float, float]]
TRAINING_START = "training_start"
Sequence = Annotated[str, Field(pattern=r"^[ACDEFGHIKLMNPQRSTVWYX]+$", description="one letter per residue")]
OUTSIDE = "none"  # the label of frames outside all states
UNORDERED = "unordered"  # in place of the time between frames, none of which follows another


def require_radians(variable: VariableSettings, key: str, *values: float) -> None:
    """Raise a ValueError where values of an angle are beyond a full turn: they are degrees."""
    beyond = [value for value in values if abs(value) > 2 * math.pi + 0.01]
    if variable.unit == "rad" and beyond:
        raise ValueError(
            f"{key}: {beyond[0]:g} is no angle in radian, which lie from -pi to pi; {beyond[0]:g} degrees are "
            f"{math.radians(beyond[0]):.4f}"
        )


_MEASURED_ON = {
    "atoms": "atoms",
    "potential": "points of a model potential (type coordinate)",
    "series": "the numbers of a series (type number)",
}


class Reference(StructureFile):
    """A known structure, or an ensemble of them (every model of the file)."""

    selection: str = "protein"
    state: Name | None = Field(None, description="state that the reference stands for")
    label: str | None = Field(None, description="name in figures; default: the reference's key")


class TrainingSet(Section):
    """Frames of one state or of several, within ranges of raw frames (0-based, inclusive, counted over all files)."""

    state: Name | list[Name] | None = Field(None, description="a state, or a list of states; null: any")
    frames: list[FrameRange] | None = Field(None, description="ranges [first, last]; null: every frame")
    piece_frames: PositiveInt | None = Field(
        None, description="cut into pieces of so many raw frames, between which nothing is learned; null: not cut"
    )
    pieces: PositiveInt | None = Field(None, description="so many of the pieces, evenly spread; null: all of them")

    @model_validator(mode="after")
    def _states_and_pieces(self):
        if self.state == []:
            raise ValueError("state: name at least one state")
        if self.pieces and not self.piece_frames:
            raise ValueError("pieces: say how long they are, by piece_frames")
        return self

    def plain(self) -> dict:
        """As plain values; a training set that is not cut into pieces is what it was before there were any."""
        whole = {"piece_frames", "pieces"} if self.piece_frames is None else set()
        return self.model_dump(mode="json", exclude=whole)

    @property
    def states(self) -> list[str]:
        """Names of the states; empty: frames of any."""
        if self.state is None:
            return []
        return [self.state] if isinstance(self.state, str) else self.state


class Observables(Section):
    """What is measured on every frame, simulated, generated or known from experiment."""

    collective_variables: dict[Name, CollectiveVariable] = Field(default={})
    states: Annotated[dict[Name, Region | list[Region]], Field(min_length=1)] | Literal["auto"] = Field(
        "auto",
        description="regions {CV: [low, high]} in nm or radian; a list is a union; low > high wraps an angle. auto: "
        "where residues are coded, clusters in the plane of the slowest motions of the backbone, called S1, S2 ...",
    )
    references: dict[Name, Reference] = Field(default={})

    @model_validator(mode="after")
    def _names_exist(self):
        for state, cv in self._cvs_of_states():
            require(cv, self.collective_variables, f"states.{state}")
        for key, cv in self.collective_variables.items():
            if cv.reference_name() not in (None, TRAINING_START):
                require(cv.reference_name(), self.references, f"collective_variables.{key}.reference")
        for key, reference in self.references.items():
            if reference.state is not None:
                require(reference.state, self.named_states, f"references.{key}.state")
        for state, cv in self._cvs_of_states():
            if self.collective_variables[cv].reference_name() == TRAINING_START:
                raise ValueError(
                    f"states.{state}: '{cv}' depends on the training set, which states define; use another"
                )
        return self

    @model_validator(mode="after")
    def _regions_hold_something(self):
        if OUTSIDE in self.named_states:
            raise ValueError(f"states.{OUTSIDE}: this name marks frames outside all states; choose another")
        for state, region in self._regions():
            for cv, (low, high) in region.items():
                require_radians(self.collective_variables[cv], f"states.{state}.{cv}", low, high)
                if low == high or (low > high and not self.collective_variables[cv].periodic):
                    raise ValueError(
                        f"states.{state}.{cv}: low {low} is not below high {high}; only a dihedral, phi or psi may wrap"
                    )
        return self

    @property
    def named_states(self) -> dict[str, Region | list[Region]]:
        """The states that the file defines; none where they are found."""
        return {} if self.states == "auto" else self.states

    def _regions(self) -> list[tuple[str, Region]]:
        return [(s, region) for s, rs in self.named_states.items() for region in (rs if isinstance(rs, list) else [rs])]

    def _cvs_of_states(self) -> list[tuple[str, str]]:
        return [(state, cv) for state, region in self._regions() for cv in region]

    def variables_of_states(self) -> set[str]:
        """Keys of the collective variables that states are regions of."""
        return {cv for _, cv in self._cvs_of_states()}

    def with_only(self, used: set[str]) -> "Observables":
        """The part that these collective variables, those of the states among them, need."""
        cvs = {key: cv for key, cv in self.collective_variables.items() if key in used}
        named = {cv.reference_name() for cv in cvs.values()}
        references = {key: reference for key, reference in self.references.items() if key in named}
        return Observables(collective_variables=cvs, states=self.states, references=references)


class SystemSettings(Observables):
    """One system: where its frames come from, what is known of it, and the variants that run.

    What the tokenizer of a variant makes decides which keys apply: of codes per residue `selection`, `training_set`
    and `plane`; of one code per frame `atoms`. A key without effect is an error (`mdllm.config.effects`).
    """

    description: str = Field("", description="a line about the system, for figures and summaries")
    source: Source
    frame_interval_ps: PositiveFloat | Literal["unknown"] | None = Field(
        None, description="time between raw frames; null: as the trajectory says; unknown: axes count frames"
    )
    skip_damaged: bool = Field(False, description="leave damaged raw frames out; else they are errors")
    selection: str = Field("protein", description="MDAnalysis selection of the residues whose backbones are coded")
    atoms: str = Field("not name H*", description="MDAnalysis selection of the atoms kept where a frame is one code")
    sequence: Sequence | list[Sequence] | None = Field(
        None,
        description="of the residues that are kept, a list where there are several chains; checked against the frames, "
        "and what collections leave out (config/collections)",
    )
    training_set: TrainingSet | None = Field(None, description="frames that the model learns from; null: all of them")
    plane: tuple[Name, Name] | None = Field(
        None,
        description="the two CVs of figures a and b, where residues are coded; null: the slowest backbone motions",
    )
    stages: dict = Field(default={}, description="stage sections laid over the preset, for all variants")
    main: bool = Field(True, description="whether the file as it stands, without overrides, runs as the variant `main`")
    variants: dict[Name, dict] = Field(
        default={}, description="named overrides of stage sections and of `training_set`"
    )

    def chain_sequences(self) -> list[str] | None:
        """The sequence of each chain; None where the file has none."""
        return [self.sequence] if isinstance(self.sequence, str) else self.sequence

    @model_validator(mode="after")
    def _choices_exist(self):
        for axis in self.plane or ():
            require(axis, self.collective_variables, "plane")
        for state in self.training_set.states if self.training_set and self.states != "auto" else ():
            require(state, self.named_states, "training_set.state")
        if "main" in self.variants:
            raise ValueError("variants.main: `main` is the run without overrides; choose another name")
        if not self.main and not self.variants:
            raise ValueError("main: false leaves nothing to run; define `variants`")
        for key, cv in self.collective_variables.items():
            if cv.of != self.source.frames_are:
                raise ValueError(
                    f"collective_variables.{key}: type {cv.type} is measured on {_MEASURED_ON[cv.of]}, and this source "
                    f"has {_MEASURED_ON[self.source.frames_are]}"
                )
        return self
