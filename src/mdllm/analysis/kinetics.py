"""Kinetics: from discrete trajectories of MD and of a model to the tables that figures and summary stand on.

Both are judged by the same functions, at the same times in ps. A model whose frames advance by several MD frames is
seen at that interval only: lags and commit times between its frames are skipped for it, with a message, and its direct
passage times are those of an observer who looks that seldom.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.analysis import kinetics_tables as tables
from mdllm.analysis.discrete import DiscreteTrajectories, of_md, of_rollouts
from mdllm.analysis.kinetics_summary import EXACT, MD, MODEL, summarize
from mdllm.analysis.lag_models import fit_lags
from mdllm.core.errors import InputError
from mdllm.core.kinetics_settings import KineticsSettings
from mdllm.core.records import read_json, read_npz, write_json

logger = logging.getLogger(__name__)
_UNITS = ("nm", "rad")
_SYMBOLS = {"phi": "φ", "psi": "ψ"}


@dataclass(frozen=True)
class KineticsInputs:
    """Files of the stages before.

    Attributes:
        codes, codebook: `tokens/codes.npz` and `tokens/codebook.csv`.
        rollouts: `rollout/codes.npz` of each training.
        trainings: `model/training.json` of each.
        exact: folder of `mdllm.analysis.exact.exact_tables`; None: the reference is MD.
    """

    codes: Path
    codebook: Path
    rollouts: Sequence[Path]
    trainings: Sequence[Path]
    exact: Path | None = None


def analyze_kinetics(
    inputs: KineticsInputs,
    *,
    system: str,
    variant: str,
    about: str,
    settings: KineticsSettings,
    confidence: float,
    seed: int,
    output: Path,
) -> dict:
    """Write `kinetics/` and `summary.json` into `output`.

    Args:
        system, variant, about: names and description, for figures.
        confidence: level of posterior intervals.
        seed: of the posterior samples.

    Tables (`mdllm.analysis.kinetics_tables` lists their columns): `populations.csv`, `timescales.csv`, `mfpt.csv`,
    `transitions.csv`, `chapman_kolmogorov.csv`; and `description.json`.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: a lag is longer than every trajectory or no multiple of the model's interval, codes and codebook
            do not belong together, no two codes are connected, or fewer than two states hold a code.
    """
    md, model, step, codebook = _read(inputs, settings)
    found = [
        _tables_of(MD, md, 1, codebook, settings, confidence, seed),
        _tables_of(MODEL, model, step, codebook, settings, confidence, seed),
    ]
    if inputs.exact is not None:
        found.append({name: _read_csv(inputs.exact / f"{name}.csv") for name in ("populations", "timescales", "mfpt")})
    combined = {name: pd.concat([t[name] for t in found if name in t], ignore_index=True) for name in found[0]}
    description = {
        "system": system,
        "variant": variant,
        "about": about,
        "states": list(tables.state_masks(codebook)),
        "reference": MD if inputs.exact is None else EXACT,
        "interval_ps": md.interval_ps,
        "model_interval_ps": model.interval_ps,
        "lag_ps": settings.lag * md.interval_ps,
        "variables": _variables(codebook),
        "codes": len(codebook),
        "trainings": len(inputs.trainings),
        "runs": {MD: md.runs, MODEL: model.runs},
        "confidence": confidence,
    }
    folder = output / "kinetics"
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in combined.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    write_json(folder / "description.json", description)
    trainings = [read_json(path) for path in inputs.trainings]
    covered = {MD: float(md.time_ps().sum()) / 1000, MODEL: float(model.time_ps().sum()) / 1000}
    write_json(output / "summary.json", summarize(description, trainings, covered, combined))
    return {"frames": {MD: len(md.concatenated), MODEL: len(model.concatenated)}}


def _read(
    inputs: KineticsInputs, settings: KineticsSettings
) -> tuple[DiscreteTrajectories, DiscreteTrajectories, int, pd.DataFrame]:
    """MD, model, MD frames per frame of the model, codebook."""
    codebook, tokens = _read_csv(inputs.codebook), read_npz(inputs.codes)
    size = int(tokens["codebook_size"])
    if not np.array_equal(codebook["code"], np.arange(size)):
        raise InputError(f"{inputs.codebook}: one row for each of the codes 0 to {size - 1} is needed, in order")
    md = of_md(tokens, settings.runs)
    step = int(read_json(inputs.trainings[0]).get("frames_per_step", 1))
    if settings.lag % step:
        raise InputError(
            f"analysis: a lag of {settings.lag} MD frames does not fall on the model's frames, which come every {step} "
            f"MD frames; choose a multiple of {step}"
        )
    rollouts = [read_npz(path)["codes"] for path in inputs.rollouts]
    model = of_rollouts(rollouts, md.interval_ps * step, size, settings.runs)
    return md, model, step, codebook


def _tables_of(
    source: str,
    trajectories: DiscreteTrajectories,
    step: int,
    codebook: pd.DataFrame,
    settings: KineticsSettings,
    confidence: float,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Every table of one source, whose frames come every `step` MD frames."""
    masks, interval = tables.state_masks(codebook), trajectories.interval_ps
    lag = settings.lag // step
    trajectories.require(lag * settings.chapman_kolmogorov_steps)
    lags = [*_in_frames(settings.lags, step, f"{source}: lags", interval), lag]
    fitted = fit_lags(trajectories, lags, settings.posterior_samples, seed)
    for at_lag in fitted.values():
        if at_lag.model.share_kept < 1:
            logger.warning(
                "%s, lag %g ps: the Markov model is restricted to %d connected codes with %.2f %% of the transitions",
                source, at_lag.model.lag_ps, len(at_lag.model.codes), 100 * at_lag.model.share_kept,
            )  # fmt: skip
    commit = {frames: frames * interval for frames in _in_frames(settings.commit, step, f"{source}: commit", interval)}
    at, steps = fitted[lag], settings.chapman_kolmogorov_steps
    return {
        "populations": tables.populations_table(source, codebook, trajectories, at, confidence),
        "timescales": tables.timescales_table(source, fitted, settings.processes, confidence),
        "mfpt": tables.mfpt_table(source, masks, trajectories, fitted, confidence),
        "transitions": tables.transitions_table(source, masks, trajectories, commit),
        "chapman_kolmogorov": tables.chapman_kolmogorov_table(source, masks, trajectories, at, lag, steps, confidence),
    }


def _in_frames(md_frames: Iterable[int], step: int, what: str, interval_ps: float) -> list[int]:
    """Those times that fall on frames that come every `step` MD frames, in such frames, ascending."""
    skipped = sorted(frames for frames in md_frames if frames % step)
    if skipped:
        logger.warning("%s of %s MD frames skipped: frames come every %g ps", what, skipped, interval_ps)
    return sorted({frames // step for frames in md_frames if frames % step == 0})


def _variables(codebook: pd.DataFrame) -> Mapping[str, dict[str, str]]:
    """Label and unit ("" in reduced units) of each collective variable, from its column's name."""
    result = {}
    for column in codebook.columns:
        if column not in tables.NOT_VARIABLES:
            key, _, unit = column.rpartition("_")
            named = {"label": _SYMBOLS.get(key, key.replace("_", " ")), "unit": unit}
            result[column] = named if unit in _UNITS else {"label": column.replace("_", " "), "unit": ""}
    return result


def _read_csv(path: Path) -> pd.DataFrame:
    """A CSV in which only an empty field is missing: a state may be called NA."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
