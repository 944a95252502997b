"""What a file of config/studies may hold: a grid over config keys, and what is measured of its runs."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from mdllm.config.measures import measures
from mdllm.config.section import Name, Section, require

Scalar = bool | int | float | str
Axis = Annotated[list[Scalar] | dict[Name, Any], Field(min_length=1)]


class Grid(Section):
    """The runs of a study: every combination of the values of the axes, for every seed."""

    axes: dict[str, Axis] = Field(
        min_length=1,
        description="by key of a stage section, as rollout.top_p, or training_set: its values, or {name: value}",
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1, description="each run is made with each seed")
    stages: dict = Field(default={}, description="stage sections laid over those of the system, for all runs")


class Full(Section):
    """What the study `NAME_full` has instead; what is not given is the same, and `stages` lie over those above."""

    axes: dict[str, Axis] | None = None
    seeds: list[Annotated[int, Field(ge=0)]] | None = None
    stages: dict = Field(default={})


class StudySettings(Grid):
    """One study. Its runs lie in results/study_NAME, beside the table and a figure per measure."""

    description: str = Field(description="the question, in a line")
    system: Name = Field(description="name of a file in config/systems, without .yaml")
    base: Name = Field("main", description="variant of the system that all runs begin with")
    measures: list[Name] = Field(min_length=1, description="what is measured of each run; see docs/studies.md")
    lines: dict[Name, list[float]] = Field(default={}, description="values that a measure is judged by, for its figure")
    planes: list[tuple[Name, Name]] = Field(default=[], description="two measures, one over the other in a figure")
    full: Full | None = Field(None, description="the grid of the study NAME_full")

    @model_validator(mode="after")
    def _names_exist(self):
        for name in self.measures:
            require(name, measures(), "measures")
        for name in self.lines:
            require(name, dict.fromkeys(self.measures), "lines")
        for plane in self.planes:
            for name in plane:
                require(name, dict.fromkeys(self.measures), "planes")
        for key in ("measures", "seeds"):
            if len(set(getattr(self, key))) < len(getattr(self, key)):
                raise ValueError(f"{key}: one stands there twice")
        return self
