"""`summary.json` of a system whose kinetics are learned: how far each quantity lies from its reference.

The classes below are the schema. ``mdllm schemas`` writes them as
`workflow/schemas/kinetics_summary.schema.json`; a summary is validated by being built. A value that does not exist is
null.

What the errors hold: a standard error of MD comes from its trajectories, that of the model from its generated
trajectories, and from the spread between trainings where there are several (`kinetics.trainings`). That other MD data
would have given another model is in neither.
"""

import json
import math

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MD, MODEL, EXACT = "md", "model", "exact"
# A distance of this many combined standard errors counts as agreement.
WITHIN = 2
NAMES = {MD: "MD", EXACT: "exact"}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Comparison(_Section):
    """One quantity beside its reference."""

    quantity: str = Field(description="name of the state; start -> end of a passage; or the process")
    value: float | None
    reference: float | None
    standard_error: float | None = Field(description="of the value")
    combined_standard_error: float | None = Field(description="root of the sum of both squared standard errors")
    distance: float | None = Field(description="(value - reference) / combined_standard_error")
    relative_deviation: float | None = Field(description="value / reference - 1")


class Comparisons(_Section):
    populations: list[Comparison] = Field(description="shares of frames in the named states")
    slowest_timescale_ps: Comparison = Field(
        description="of the Markov model at the same lag; exact: of the exact process, projected on the codes"
    )
    mfpt_ps: list[Comparison] = Field(description="direct mean first passage times, at the saving interval")
    verdict: str = Field(description="the same in words")


class Training(_Section):
    """What `training.json` says, of the first of several trainings where nothing else is said; nats per code."""

    validation_loss: float = Field(description="mean over trainings")
    baseline_frequencies: float
    baseline_persistence: float
    parameters: int
    device: str
    training_seconds: float | None = Field(description="of all trainings together")


class KineticsSummary(_Section):
    """Kinetics of one system and variant."""

    system: str
    variant: str
    about: str
    reference: str = Field(description="exact, or md where the exact kinetics are unknown")
    confidence: float = Field(description="level of posterior intervals")
    trainings: int = Field(description="models trained alike but for the seed, whose trajectories are taken together")
    runs: dict[str, int] = Field(description="runs that give standard deviations: groups of trajectories, or trainings")
    interval_ps: float = Field(description="between MD frames")
    model_interval_ps: float = Field(description="between frames of the model")
    lag_ps: float = Field(description="of the Markov model behind the slowest timescale")
    slowest_timescale_exact_ps: float | None = Field(description="of the dynamics itself, without a lag; null: unknown")
    nanoseconds: dict[str, float] = Field(description="time covered by MD and by the model, ns")
    share_kept: dict[str, float] = Field(description="share of transitions in the connected set at that lag, by source")
    training: Training
    comparisons: dict[str, Comparisons] = Field(description="of the model, and of MD where exact is the reference")


def summarize(
    description: dict, trainings: list[dict], nanoseconds: dict[str, float], tables: dict[str, pd.DataFrame]
) -> dict:
    """The content of `summary.json`.

    Args:
        description: `kinetics/description.json`.
        trainings: the content of `model/training.json` of each.
        nanoseconds: time covered, by source.
        tables: the tables of `kinetics/` by name.

    Raises:
        pydantic.ValidationError: an upstream file does not hold what it should.
    """
    timescales = tables["timescales"]
    slowest = timescales[(timescales["process"] == 1) & (timescales["source"] != EXACT)]
    slowest = slowest[np.isclose(slowest["lag_ps"], description["lag_ps"])]
    true = timescales[(timescales["process"] == 1) & (timescales["method"] == EXACT)]["timescale_ps"]
    judged = [MODEL] if description["reference"] == MD else [MODEL, MD]
    fields = ("system", "variant", "about", "reference", "confidence", "trainings", "runs")
    times = ("interval_ps", "model_interval_ps", "lag_ps")
    summary = KineticsSummary.model_validate(
        {
            **{key: description[key] for key in (*fields, *times)},
            "slowest_timescale_exact_ps": None if true.empty else true.iloc[0],
            "nanoseconds": nanoseconds,
            "share_kept": slowest.set_index("source")["share_kept"].to_dict(),
            "training": _training(trainings),
            "comparisons": {source: _comparisons(source, description, tables) for source in judged},
        }
    )
    return summary.model_dump(mode="json")


def _training(trainings: list[dict]) -> dict:
    seconds = [training.get("training_seconds") for training in trainings]
    return {
        **{key: trainings[0].get(key) for key in Training.model_fields},
        "validation_loss": float(np.mean([training["validation_loss"] for training in trainings])),
        "training_seconds": None if None in seconds else sum(seconds),
    }


def _comparisons(source: str, description: dict, tables: dict[str, pd.DataFrame]) -> dict:
    reference, runs = description["reference"], description["runs"]
    populations, mfpt, timescales = (tables[name] for name in ("populations", "mfpt", "timescales"))
    populations = populations[populations["level"] == "state"].assign(quantity=lambda t: t["name"])
    mfpt = mfpt[mfpt["method"] != "msm"].assign(quantity=lambda t: t["start"] + " -> " + t["end"])
    at_lag = np.isclose(timescales["lag_ps"], description["lag_ps"]) & (timescales["process"] == 1)
    slowest = timescales[at_lag].assign(
        quantity="process 1",
        standard_error=lambda t: t["sd_runs"].astype(float) / np.sqrt(t["source"].map(runs).astype(float)),
    )
    found = {
        "populations": _compare(populations, "population", source, reference),
        "slowest_timescale_ps": _compare(slowest, "timescale_ps", source, reference)[0],
        "mfpt_ps": _compare(mfpt, "mfpt_ps", source, reference),
    }
    return {**found, "verdict": _verdict(found, NAMES[reference])}


def _compare(table: pd.DataFrame, column: str, source: str, reference: str) -> list[dict]:
    """One comparison per quantity of `table`; an exact value has no error."""
    own, other = (table[table["source"] == name].set_index("quantity") for name in (source, reference))
    error = 0.0 if reference == EXACT else other["standard_error"].astype(float)
    value, expected = own[column].astype(float), other[column].astype(float).reindex(own.index)
    own_error = own["standard_error"].astype(float)
    combined = np.sqrt(own_error**2 + error**2)
    rows = pd.DataFrame(
        {
            "value": value,
            "reference": expected,
            "standard_error": own_error,
            "combined_standard_error": combined,
            "distance": (value - expected) / combined.where(combined > 0),
            "relative_deviation": value / expected - 1,
        }
    )
    return [
        {"quantity": quantity, **{key: _number(number) for key, number in row.items()}}
        for quantity, row in rows.to_dict("index").items()
    ]


def _verdict(found: dict, reference: str) -> str:
    parts = []
    for key, name in (("populations", "populations"), ("mfpt_ps", "MFPTs")):
        judged = [row["distance"] for row in found[key] if row["distance"] is not None]
        near = sum(abs(distance) <= WITHIN for distance in judged)
        missing = len(found[key]) - len(judged)
        parts.append(f"{near} of {len(judged)} {name}" + (f" ({missing} more not judged)" if missing else ""))
    deviation = found["slowest_timescale_ps"]["relative_deviation"]
    slowest = "slowest timescale not judged"
    if deviation is not None:
        slowest = f"slowest timescale {abs(deviation):.0%} {'below' if deviation < 0 else 'above'}"
    return f"{' and '.join(parts)} within {WITHIN} combined standard errors of {reference}, {slowest}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def render_schema() -> str:
    """The JSON Schema of a summary, as text."""
    schema = TypeAdapter(KineticsSummary).json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
