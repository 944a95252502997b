"""Summarize: all results of one system and variant, from the files of its stages, in one JSON file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.core.records import read_json, read_npz
from mdllm.ensembles.names import EXACT, LIKELIHOODS, MD, MODEL, NULLS
from mdllm.report.comparisons import TABLES, comparisons
from mdllm.report.dynamics import dynamics
from mdllm.report.novelty import novelty, verification
from mdllm.report.schema.summary import BaseSummary, Summary


@dataclass(frozen=True)
class SummaryInputs:
    """Files of the stages before.

    Attributes:
        codes: `tokens/codes.npz`.
        trainings: `model/training.json` of each training; none where the model is a base.
        rollout: `rollout/codes.npz` of the first, or `redrawn/structures.npz` of a base.
        base: `redrawn/redrawn.json` of a base.
        fidelity: `tokens/fidelity.json`; None where a frame is one code, which is not decoded.
        analysis: folder of the stage analyze; None likewise.
        novelty: folder of the stage novelty; None likewise.
        dynamics: folder of the stage dynamics; None likewise.
        verification: folder of the stage verify; None where nothing is simulated.
        kinetics: folder of the stage kinetics; None where there are no discrete trajectories.
    """

    codes: Path
    trainings: Sequence[Path]
    rollout: Path
    base: Path | None = None
    fidelity: Path | None = None
    analysis: Path | None = None
    novelty: Path | None = None
    dynamics: Path | None = None
    verification: Path | None = None
    kinetics: Path | None = None


def summarize(
    inputs: SummaryInputs, *, system: str, variant: str, about: str, confidence: float, conditions: dict
) -> dict:
    """The content of `summary.json`.

    Args:
        system, variant, about: names and description.
        confidence: level of every interval.
        conditions: of `mdllm.report.schema.summary.Conditions` all that the config says.

    Raises:
        pydantic.ValidationError: an upstream file does not hold what it should.
    """
    codes, rollout = read_npz(inputs.codes), read_npz(inputs.rollout)
    replicas, frames, _ = rollout["codes"].shape
    learned = int((codes["training"] >= 0).sum()) if "training" in codes else len(codes["codes"])
    made = {"replicas": replicas, "frames": frames, "training_frames": learned}
    content = {
        "system": system,
        "variant": variant,
        "about": about,
        "confidence": confidence,
        "conditions": {**conditions, **made, "codebook_size": int(codes["codebook_size"])},
        "training": _training([read_json(path) for path in inputs.trainings]) if inputs.trainings else None,
        "base": None if inputs.base is None else _base(read_json(inputs.base)),
        "rollout": _rollout(rollout),
        "tokenizer": None if inputs.fidelity is None else _tokenizer(read_json(inputs.fidelity)),
        "quality": None,
        "discovery": None,
        "novelty": None if inputs.novelty is None else novelty(inputs.novelty),
        "dynamics": None if inputs.dynamics is None else dynamics(inputs.dynamics),
        "verification": None if inputs.verification is None else verification(inputs.verification),
        "kinetics": None if inputs.kinetics is None else _kinetics(inputs.kinetics),
    }
    if inputs.analysis is not None:
        quality, discovery = (_read_csv(inputs.analysis / f"{name}.csv") for name in ("quality", "discovery"))
        content["quality"] = {metric: _quality(rows) for metric, rows in quality.groupby("metric", sort=False)}
        content["discovery"] = {state: _discovery(rows) for state, rows in discovery.groupby("state", sort=False)}
    return Summary.model_validate(content).model_dump(mode="json")


def _training(trainings: list[dict]) -> dict:
    first = trainings[0]
    loss = float(np.mean([training["validation_loss"] for training in trainings]))
    names = ("baseline_frequencies", "baseline_persistence", "persistence_weight")
    return {
        **{key: first[key] for key in (*names, "steps", "best_step", "parameters", "device")},
        "validation_loss": loss,
        "beats_baselines": loss < min(first["baseline_frequencies"], first["baseline_persistence"]),
        "trainings": len(trainings),
        "training_seconds": sum(training["training_seconds"] for training in trainings),
    }


def _base(record: dict) -> dict:
    return {key: record[key] for key in BaseSummary.model_fields}


def _tokenizer(fidelity: dict) -> dict:
    def group(values: dict | None) -> dict | None:
        if values is None:
            return None
        rmsd = {f"rmsd_nm_{key}": value for key, value in values["rmsd_nm"].items()}
        kept = {state: counts["share"] for state, counts in values["state_kept"].items()}
        return {"frames": values["frames"], **rmsd, "state_kept": kept}

    return {
        **{key: fidelity[key] for key in ("codes_used", "codes_equal_consecutive")},
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
        "log_likelihood_of_frames": {
            under: {"mean_nats": float(rollout[key].mean()), "spread_nats": float(rollout[key].std())}
            for under, key in zip((MODEL, "base", "tuned"), LIKELIHOODS, strict=True)
            if key in rollout
        },
        "entropy_per_code_nats": float(entropy.mean()),
        "entropy_per_code_first_nats": float(entropy[:, :tenth].mean()),
        "entropy_per_code_last_nats": float(entropy[:, -tenth:].mean()),
        "held_entropy": _held_entropy(rollout) if "held_entropy" in rollout else None,
    }


def _held_entropy(rollout: dict[str, np.ndarray]) -> dict:
    temperature = rollout["temperature"]
    return {
        "held_nats": float(rollout["held_entropy"]),
        "reached_nats": float(rollout["tempered_entropy"].mean() / rollout["codes"].shape[-1]),
        "mean_temperature": float(temperature.mean()),
        "lowest_temperature": float(temperature.min()),
        "highest_temperature": float(temperature.max()),
    }


def _quality(rows: pd.DataFrame) -> dict:
    by_source = rows.set_index("source")
    model, mean = by_source.loc[MODEL], by_source["mean"].to_dict()
    return {
        "unit": model["unit"],
        "meaning": model["meaning"],
        "training": _value(mean["md training"]),
        **{source: _value(mean[source]) for source in (*NULLS, MODEL)},
        "model_max": _value(model["max"]),
        **{key: _value(model[key]) for key in ("tolerance", "floor", "no_worse", "limit", "within_limit")},
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

    result = {"frames": row["frames"], "clusters": row["clusters"]}
    result |= {name: interval(name, name) for name in ("share", "share_found")}
    for key in ("precision", "replicas_reached", "first_frame_min", "first_frame_median"):
        result[key] = _value(row[key])
    for name in ("rmsd_to_true_nm", "rmsd_to_reference_nm"):
        result[name] = interval(f"{name}_median", name)
        result[f"{name}_min"] = _value(row[f"{name}_min"])
    return result


def _value(value):
    """None for what is missing."""
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _kinetics(folder: Path) -> dict:
    description = read_json(folder / "description.json")
    tables = {name: _read_csv(folder / f"{name}.csv") for name in TABLES}
    timescales = tables["timescales"]
    slowest = timescales[(timescales["process"] == 1) & (timescales["source"] != EXACT)]
    slowest = slowest[np.isclose(slowest["lag_ps"], description["lag_ps"])]
    true = timescales[(timescales["process"] == 1) & (timescales["method"] == EXACT)]["timescale_ps"]
    judged = [MODEL] if description["reference"] == MD else [MODEL, MD]
    names = ("reference", "runs", "time_unit", "interval_ps", "model_interval_ps", "lag_ps", "nanoseconds")
    return {
        **{key: description[key] for key in names},
        "slowest_timescale_exact_ps": None if true.empty else true.iloc[0],
        "share_kept": slowest.set_index("source")["share_kept"].to_dict(),
        "comparisons": {source: comparisons(source, description, tables) for source in judged},
    }


def _read_csv(path: Path) -> pd.DataFrame:
    """A CSV in which only an empty field is missing: a state may be called NA."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
