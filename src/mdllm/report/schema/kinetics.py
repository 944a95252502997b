"""The section `kinetics` of `summary.json`."""

from typing import Literal

from pydantic import Field

from mdllm.report.schema.section import Section


class Comparison(Section):
    """One quantity beside its reference."""

    quantity: str = Field(description="name of the state; start -> end of a passage; or the process")
    value: float | None
    reference: float | None
    standard_error: float | None = Field(description="of the value")
    combined_standard_error: float | None = Field(description="root of the sum of both squared standard errors")
    distance: float | None = Field(description="(value - reference) / combined_standard_error")
    relative_deviation: float | None = Field(description="value / reference - 1")


class Comparisons(Section):
    populations: list[Comparison] = Field(description="shares of frames in the named states")
    slowest_timescale_ps: Comparison = Field(
        description="of the Markov model at the same lag; exact: of the exact process, projected on the codes"
    )
    mfpt_ps: list[Comparison] = Field(description="direct mean first passage times, at the saving interval")
    transitions_per_ns: list[Comparison] = Field(
        description="transitions that hold for the longest commit time; none where exact is the reference"
    )
    staying: list[Comparison] = Field(
        description="counted probability to be in a state again at the longest time of the Chapman-Kolmogorov test; "
        "none where exact is the reference"
    )
    committor: list[Comparison] = Field(
        description="of each code between the two states of kinetics.committor, counted; none where exact is the "
        "reference"
    )
    verdict: str = Field(description="the same in words")


class KineticsSummary(Section):
    """Kinetics of the discrete trajectories, of MD and of the model alike.

    A standard error of MD comes from its trajectories, that of the model from its generated trajectories, and from the
    spread between trainings where there are several (`kinetics.trainings`). That other MD data would have given another
    model is in neither.
    """

    reference: str = Field(description="exact, or md where the exact kinetics are unknown")
    runs: dict[str, int] = Field(description="runs that give standard deviations: groups of trajectories, or trainings")
    time_unit: Literal["ps", "frames"] = Field(
        description="frames: the time between frames is not known, and 1 ps stands for a frame in all times"
    )
    interval_ps: float = Field(description="between MD frames")
    model_interval_ps: float = Field(description="between frames of the model")
    lag_ps: float = Field(description="of the Markov model behind the slowest timescale")
    slowest_timescale_exact_ps: float | None = Field(description="of the dynamics itself, without a lag; null: unknown")
    nanoseconds: dict[str, float] = Field(description="time covered by MD and by the model, ns")
    share_kept: dict[str, float] = Field(description="share of transitions in the connected set at that lag, by source")
    comparisons: dict[str, Comparisons] = Field(description="of the model, and of MD where exact is the reference")
