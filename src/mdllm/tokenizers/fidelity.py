"""Fidelity: what encode->decode keeps of training and of unseen frames, measured before any model is trained.

A code that cannot say that a frame is in a state cannot be used to claim that a model has found it, so a run stops
here when the configured limits fail.
"""

import logging

import numpy as np
import pandas as pd

from mdllm.config.settings.stages import FidelitySettings
from mdllm.core.errors import InputError
from mdllm.core.geometry import circular_difference, rmsd, with_oxygen
from mdllm.core.trajectories import iterate_backbone
from mdllm.observables.bound import BoundObservables
from mdllm.tokenizers.base import Tokenizer

logger = logging.getLogger(__name__)


def measure(
    tokenizer: Tokenizer,
    universe,
    frames: pd.DataFrame,
    training: np.ndarray,
    bound: BoundObservables,
    unseen_frames: int,
) -> pd.DataFrame:
    """Round trip of all training frames and of `unseen_frames` others, evenly spread.

    Args:
        universe: the prepared backbone trajectory.
        frames: the table `frames.parquet`.
        training: indices of the training frames in the trajectory.

    Returns:
        One row per frame: frame, training, state, state_after, rmsd_nm (N, CA, C), and each collective variable
        before (`column`) and after (`column_after`).
    """
    others = np.setdiff1d(np.arange(len(frames)), training)
    if len(others):
        others = others[np.unique(np.linspace(0, len(others) - 1, min(unseen_frames, len(others))).round().astype(int))]
    is_training = np.zeros(len(frames), bool)
    is_training[training] = True
    parts = []
    for index, backbone in iterate_backbone(universe, np.sort(np.concatenate([training, others]))):
        decoded = with_oxygen(tokenizer.decode(tokenizer.encode(backbone[:, :, :3])))
        number = frames["frame"].to_numpy()[index]
        before, _ = bound.measure(backbone, number)
        state = frames["state"].to_numpy()[index]  # that of the raw frame, of all its atoms
        after, state_after = bound.measure(decoded, number)
        columns = {
            "frame": number,
            "training": is_training[index],
            "state": state,
            "state_after": state_after,
            "rmsd_nm": rmsd(decoded[:, :, :3], backbone[:, :, :3]),
            **before,
            **{f"{column}_after": values for column, values in after.items()},
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def summarize(table: pd.DataFrame, codes: np.ndarray, segment: np.ndarray, tokenizer: Tokenizer) -> dict:
    """The content of `fidelity.json` from `measure`'s table and the training codes (F, L)."""
    same_segment = np.diff(segment) == 0
    equal = (codes[1:] == codes[:-1])[same_segment]
    return {
        "tokenizer": tokenizer.name,
        "codebook_size": tokenizer.codebook_size,
        "training": _group(table[table["training"]]),
        "unseen": _group(table[~table["training"]]),
        "codes_equal_consecutive": float(equal.mean()) if equal.size else None,
        "entropy_per_residue_nats": [round(_entropy(column), 4) for column in codes.T],
        "codes_used": len(np.unique(codes)),
    }


def check(fidelity: dict, settings: FidelitySettings, training_states: list[str]) -> None:
    """Stop the run when the codes lose too much.

    Raises:
        InputError: names the limit that fails, the value, and what to change.
    """
    error = fidelity["training"]["rmsd_nm"]["median"]
    kept = {state: fidelity["training"]["state_kept"][state]["share"] for state in training_states}
    failed = []
    if error > settings.training_rmsd_nm:
        failed.append(f"fidelity.training_rmsd_nm is {settings.training_rmsd_nm}, the codes reach {error:.4f}")
    for state, share in kept.items():
        if share < settings.training_state_kept:
            failed.append(
                f"fidelity.training_state_kept is {settings.training_state_kept}, the codes reach {share:.3f} ({state})"
            )
    if failed:
        raise InputError(
            "; ".join(failed) + f" (tokenizer {fidelity['tokenizer']}, {fidelity['codebook_size']} codes). Raise "
            "tokenizer.codebook_size, choose another tokenizer.name, or relax the limit if the error is acceptable"
        )


def _group(table: pd.DataFrame) -> dict | None:
    if table.empty:
        return None
    kept = {}
    for state, rows in table.groupby("state", sort=True):
        stays = int((rows["state_after"] == state).sum())
        kept[str(state)] = {"frames": len(rows), "kept": stays, "share": stays / len(rows)}
    errors = {}
    for column in [c.removesuffix("_after") for c in table.columns if c.endswith("_after") and c != "state_after"]:
        before, after = table[column].to_numpy(), table[f"{column}_after"].to_numpy()
        if np.isnan(after).all():  # a variable of atoms that decoded frames do not have
            continue
        wraps = column.endswith("_rad")
        errors[column] = _quantiles(np.abs(circular_difference(after, before) if wraps else after - before))
    return {
        "frames": len(table),
        "rmsd_nm": _quantiles(table["rmsd_nm"].to_numpy()),
        "state_kept": kept,
        "cv_error": errors,
    }


def _quantiles(values: np.ndarray) -> dict:
    median, p95 = np.nanquantile(values, [0.5, 0.95])
    return {"median": float(median), "p95": float(p95), "max": float(np.nanmax(values))}


def _entropy(codes: np.ndarray) -> float:
    """Entropy of the empirical distribution of one residue's codes (F,), nats."""
    share = np.unique(codes, return_counts=True)[1] / len(codes)
    return float(-(share * np.log(share)).sum())
