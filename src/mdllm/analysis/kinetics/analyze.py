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

from mdllm.analysis.kinetics import tables
from mdllm.analysis.kinetics.discrete import DiscreteTrajectories, of_md, of_rollouts
from mdllm.analysis.kinetics.lag_models import fit_lags
from mdllm.config.settings.kinetics import KineticsSettings
from mdllm.core.errors import InputError
from mdllm.core.records import read_json, read_npz, write_json
from mdllm.ensembles.names import EXACT, MD, MODEL

logger = logging.getLogger(__name__)
_EXACT_TABLES = ("populations", "timescales", "mfpt")
_UNITS = ("nm", "rad")
_SYMBOLS = {"phi": "φ", "psi": "ψ"}


@dataclass(frozen=True)
class KineticsInputs:
    """Files of the stages before.

    Attributes:
        codes, codebook: `codes.npz` and `tokenizer/codebook.csv` of the stage tokenize, or of discretize where the
            tokenizer gives one code per residue.
        md: folder of `analyze_md`.
        rollouts: npz with `codes` (R, T, 1) of each training: `rollout/codes.npz`, or `discretization/generated.npz`.
        trainings: `model/training.json` of each.
        exact: folder of `mdllm.analysis.kinetics.exact.exact_tables`; None: the reference is MD.
    """

    codes: Path
    codebook: Path
    md: Path
    rollouts: Sequence[Path]
    trainings: Sequence[Path]
    exact: Path | None = None


def analyze_md(
    codes: Path, codebook: Path, *, settings: KineticsSettings, confidence: float, seed: int, output: Path
) -> dict:
    """Write the tables of the MD that is learned (those of `analyze_kinetics`) into `output`; no model is needed.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: a lag is longer than every trajectory, codes and codebook do not belong together, no two codes are
            connected, or fewer than two states hold a code.
    """
    md, known = _read_md(codes, codebook, settings)
    _write(_tables_of(MD, md, 1, known, settings, confidence, seed), output)
    return {"frames": len(md.concatenated)}


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
    """Write the tables of `kinetics/` into `output`.

    Args:
        system, variant, about: names and description, for figures.
        confidence: level of posterior intervals.
        seed: of the posterior samples.

    Tables (`mdllm.analysis.kinetics.tables` lists their columns): `populations.csv`, `timescales.csv`, `mfpt.csv`,
    `transitions.csv`, `committor.csv`, `chapman_kolmogorov.csv`; and `description.json`.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: as `analyze_md`, of the model's trajectories; or a lag is no multiple of the model's interval.
    """
    md, codebook = _read_md(inputs.codes, inputs.codebook, settings)
    model, step = _read_model(inputs, md, settings)
    own = _tables_of(MODEL, model, step, codebook, settings, confidence, seed)
    combined = {name: _combine(name, table, inputs) for name, table in own.items()}
    description = {
        "system": system,
        "variant": variant,
        "about": about,
        "states": list(tables.state_masks(codebook)),
        "reference": MD if inputs.exact is None else EXACT,
        "time_unit": "frames" if np.isnan(read_npz(inputs.codes)["interval_ps"]) else "ps",
        "interval_ps": md.interval_ps,
        "model_interval_ps": model.interval_ps,
        "lag_ps": settings.lag * md.interval_ps,
        "variables": _variables(codebook),
        "codes": len(codebook),
        "trainings": len(inputs.trainings),
        "runs": {MD: md.runs, MODEL: model.runs},
        "nanoseconds": {MD: float(md.time_ps().sum()) / 1000, MODEL: float(model.time_ps().sum()) / 1000},
        "confidence": confidence,
    }
    _write(combined, output)
    write_json(output / "description.json", description)
    return {"frames": len(model.concatenated)}


def _read_md(codes: Path, codebook: Path, settings: KineticsSettings) -> tuple[DiscreteTrajectories, pd.DataFrame]:
    """MD and its codebook."""
    known, tokens = _read_csv(codebook), read_npz(codes)
    size = int(tokens["codebook_size"])
    if not np.array_equal(known["code"], np.arange(size)):
        raise InputError(f"{codebook}: one row for each of the codes 0 to {size - 1} is needed, in order")
    return of_md(tokens, settings.runs), known


def _read_model(
    inputs: KineticsInputs, md: DiscreteTrajectories, settings: KineticsSettings
) -> tuple[DiscreteTrajectories, int]:
    """The model's trajectories, and MD frames per frame of the model."""
    step = int(read_json(inputs.trainings[0]).get("frames_per_step", 1))
    if settings.lag % step:
        raise InputError(
            f"analysis: a lag of {settings.lag} MD frames does not fall on the model's frames, which come every {step} "
            f"MD frames; choose a multiple of {step}"
        )
    rollouts = [read_npz(path)["codes"] for path in inputs.rollouts]
    return of_rollouts(rollouts, md.interval_ps * step, md.codebook_size, settings.runs), step


def _combine(name: str, own: pd.DataFrame, inputs: KineticsInputs) -> pd.DataFrame:
    """A table of MD, the model's, and the exact one where there is one."""
    found = [_read_csv(inputs.md / f"{name}.csv"), own]
    if inputs.exact is not None and name in _EXACT_TABLES:
        found.append(_read_csv(inputs.exact / f"{name}.csv"))
    return pd.concat(found, ignore_index=True)


def _write(found: Mapping[str, pd.DataFrame], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in found.items():
        table.to_csv(folder / f"{name}.csv", index=False)


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
    # MD must tell something to learn; a model that never moves is a result.
    fitted = fit_lags(trajectories, lags, settings.posterior_samples, seed, needed=source == MD)
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
        "committor": tables.committor_table(source, codebook, trajectories, at, settings.committor, confidence),
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
