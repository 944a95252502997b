"""`summary.json`: every number that a figure or the README quotes, as typed and described fields.

The classes below are the schema. ``mdllm schemas`` writes them as
`workflow/schemas/summary.schema.json`; a summary is validated by being built. A value that does not exist is null.
"""

import json
import math

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mdllm.analysis.discovery.ensembles import MODEL
from mdllm.analysis.discovery.table import NULLS


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(_Section):
    value: float | None = Field(description="the value over all frames")
    low: float | None = Field(description="lower bound of the bootstrap interval; null: fewer than two clusters")
    high: float | None = Field(description="upper bound")


class RoundTrip(_Section):
    """Encode->decode of one group of MD frames."""

    frames: int = Field(description="frames measured")
    rmsd_nm_median: float = Field(description="backbone RMSD (N, CA, C) to the frame itself, nm")
    rmsd_nm_p95: float = Field(description="95th percentile, nm")
    rmsd_nm_max: float = Field(description="largest, nm")
    state_kept: dict[str, float] = Field(description="share of a state's frames that are still in it, by state")


class TokenizerSummary(_Section):
    name: str
    codebook_size: int = Field(description="number of codes K")
    codes_used: int = Field(description="codes that occur in the training frames")
    codes_equal_consecutive: float | None = Field(description="share of codes equal to those of the frame before")
    entropy_per_residue_nats: float = Field(description="mean over residues of the entropy of its codes, nats")
    training: RoundTrip
    unseen: RoundTrip | None = Field(description="frames not trained on; null: there are none")


class TrainingSummary(_Section):
    """Losses in nats per code, on validation windows."""

    validation_loss: float = Field(description="of the model at its best step, nats per code")
    baseline_frequencies: float = Field(description="of residue-wise training frequencies, nats per code")
    baseline_persistence: float = Field(description="of the last frame's codes mixed with them, nats per code")
    persistence_weight: float = Field(description="weight of the last frame's codes in that mixture")
    beats_baselines: bool = Field(description="validation_loss is below both baselines")
    steps: int = Field(description="updates made")
    best_step: int = Field(description="update with the lowest validation loss")
    parameters: int = Field(description="parameters of the model")


class RolloutSummary(_Section):
    replicas: int
    frames: int = Field(description="generated frames per replica")
    residues: int = Field(description="codes per frame")
    log_likelihood_per_code_nats: float = Field(description="mean log-probability of a generated code, nats")
    entropy_per_code_nats: float = Field(description="mean entropy of a code's conditional distribution, nats")
    entropy_per_code_first_nats: float = Field(description="the same over the first tenth of the frames, nats")
    entropy_per_code_last_nats: float = Field(
        description="the same over the last tenth: differs where the model drifts"
    )


class QualityMetric(_Section):
    unit: str
    meaning: str
    training: float = Field(description="mean over MD training frames")
    roundtrip: float = Field(description="mean over encode->decode of the training frames")
    frequencies: float = Field(description="mean over decoded codes drawn from training frequencies")
    model: float = Field(description="mean over generated frames")
    model_max: float = Field(description="largest value of a generated frame")
    tolerance: float | None = Field(description="how much larger than roundtrip the model may be; null: not judged")
    no_worse: bool | None = Field(description="model <= roundtrip + tolerance; null: not judged")
    limit: float | None = Field(description="largest value allowed to any generated frame; null: none")
    within_limit: bool | None = Field(description="model_max <= limit; null: no limit")


class SourceDiscovery(_Section):
    """What one source of frames has to do with one state."""

    frames: int
    clusters: int = Field(description="what the bootstrap resamples: replicas, or blocks of the series (roundtrip)")
    share: Interval = Field(description="share of frames in the state")
    replicas_reached: int | None = Field(description="replicas with a frame in the state; null: no replicas")
    first_frame_min: float | None = Field(description="first generated frame in the state, over all replicas")
    first_frame_median: float | None = Field(description="median over the replicas that reach it")
    rmsd_to_true_nm: Interval = Field(description="median RMSD to the nearest known MD frame of the state, nm")
    rmsd_to_true_nm_min: float | None = Field(description="smallest of these, nm")
    rmsd_to_reference_nm: Interval = Field(description="median RMSD to the nearest reference of the state, nm")
    rmsd_to_reference_nm_min: float | None = Field(description="smallest of these, nm")


class StateDiscovery(_Section):
    training_state: bool = Field(description="whether the model was trained on this state")
    beats_nulls: bool | None = Field(description="the model's share lies above both nulls, intervals apart")
    closer_than_nulls: bool | None = Field(description="its median distance lies below both nulls, intervals apart")
    verdict: str = Field(description="the same in words")
    model: SourceDiscovery
    roundtrip: SourceDiscovery = Field(description="null i: encode->decode of the training frames")
    frequencies: SourceDiscovery = Field(description="null ii: codes drawn residue by residue")


class Summary(_Section):
    """All results of one system and variant. Lengths in nm, angles in radian."""

    system: str
    variant: str
    training_state: str
    training_frames: int = Field(description="MD frames trained on")
    confidence: float = Field(description="level of every interval")
    tokenizer: TokenizerSummary
    training: TrainingSummary
    rollout: RolloutSummary
    quality: dict[str, QualityMetric] = Field(description="by metric; see `analysis/quality.csv`")
    discovery: dict[str, StateDiscovery] = Field(description="by state; see `analysis/discovery.csv`")


def summarize(
    description: dict,
    fidelity: dict,
    training: dict,
    rollout: dict[str, np.ndarray],
    quality: pd.DataFrame,
    discovery: pd.DataFrame,
) -> dict:
    """The content of `summary.json`.

    Args:
        description: `mdllm.analysis.discovery.description.describe`.
        fidelity, training: the content of `tokens/fidelity.json` and `model/training.json`.
        rollout: codes (R, T, L), log_likelihood (R, T) and entropy (R, T), summed over residues, nats.
        quality, discovery: the tables of these names.

    Raises:
        pydantic.ValidationError: an upstream file does not hold what it should.
    """
    losses = {key: training[key] for key in TrainingSummary.model_fields if key != "beats_baselines"}
    baselines = (losses["baseline_frequencies"], losses["baseline_persistence"])
    summary = Summary.model_validate(
        {
            **{key: description[key] for key in ("system", "variant", "training_state", "confidence")},
            "training_frames": fidelity["training"]["frames"],
            "tokenizer": _tokenizer(fidelity),
            "training": {**losses, "beats_baselines": losses["validation_loss"] < min(baselines)},
            "rollout": _rollout(rollout),
            "quality": {metric: _quality(rows) for metric, rows in quality.groupby("metric", sort=False)},
            "discovery": {state: _discovery(rows) for state, rows in discovery.groupby("state", sort=False)},
        }
    )
    return summary.model_dump(mode="json")


def _tokenizer(fidelity: dict) -> dict:
    def group(values: dict | None) -> dict | None:
        if values is None:
            return None
        rmsd = {f"rmsd_nm_{key}": value for key, value in values["rmsd_nm"].items()}
        kept = {state: counts["share"] for state, counts in values["state_kept"].items()}
        return {"frames": values["frames"], **rmsd, "state_kept": kept}

    return {
        "name": fidelity["tokenizer"],
        **{key: fidelity[key] for key in ("codebook_size", "codes_used", "codes_equal_consecutive")},
        "entropy_per_residue_nats": float(np.mean(fidelity["entropy_per_residue_nats"])),
        "training": group(fidelity["training"]),
        "unseen": group(fidelity["unseen"]),
    }


def _rollout(rollout: dict[str, np.ndarray]) -> dict:
    replicas, frames, residues = rollout["codes"].shape
    entropy = rollout["entropy"] / residues
    tenth = max(1, frames // 10)
    return {
        "replicas": replicas,
        "frames": frames,
        "residues": residues,
        "log_likelihood_per_code_nats": float(rollout["log_likelihood"].mean() / residues),
        "entropy_per_code_nats": float(entropy.mean()),
        "entropy_per_code_first_nats": float(entropy[:, :tenth].mean()),
        "entropy_per_code_last_nats": float(entropy[:, -tenth:].mean()),
    }


def _quality(rows: pd.DataFrame) -> dict:
    by_source = rows.set_index("source")
    model, mean = by_source.loc[MODEL], by_source["mean"].to_dict()
    return {
        "unit": model["unit"],
        "meaning": model["meaning"],
        "training": mean["md training"],
        **{source: mean[source] for source in (*NULLS, MODEL)},
        "model_max": model["max"],
        **{key: _value(model[key]) for key in ("tolerance", "no_worse", "limit", "within_limit")},
    }


def _discovery(rows: pd.DataFrame) -> dict:
    by_source = {row["source"]: row for row in rows.to_dict("records")}
    model = by_source[MODEL]
    return {
        **{key: _value(model[key]) for key in ("training_state", "beats_nulls", "closer_than_nulls", "verdict")},
        **{source: _source(row) for source, row in by_source.items()},
    }


def _source(row: dict) -> dict:
    def interval(value: str, bounds: str) -> dict:
        return {"value": _value(row[value]), **{key: _value(row[f"{bounds}_{key}"]) for key in ("low", "high")}}

    result = {"frames": row["frames"], "clusters": row["clusters"], "share": interval("share", "share")}
    for key in ("replicas_reached", "first_frame_min", "first_frame_median"):
        result[key] = _value(row[key])
    for name in ("rmsd_to_true_nm", "rmsd_to_reference_nm"):
        result[name] = interval(f"{name}_median", name)
        result[f"{name}_min"] = _value(row[f"{name}_min"])
    return result


def _value(value):
    """None for what is missing."""
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else value


def render_schema() -> str:
    """The JSON Schema of a summary, as text."""
    schema = TypeAdapter(Summary).json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
