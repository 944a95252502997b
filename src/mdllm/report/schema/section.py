"""What all sections of `summary.json` are made of."""

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(Section):
    value: float | None = Field(description="the value over all frames")
    low: float | None = Field(description="lower bound of the bootstrap interval; null: fewer than two clusters")
    high: float | None = Field(description="upper bound")
