"""Discretize: one code per frame, and a table of what each code stands for.

Axes: F frames, K codebook size.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.config.choices import DiscretizerSettings
from mdllm.config.settings.system import Observables, TrainingSet
from mdllm.core.errors import InputError
from mdllm.core.records import write_npz
from mdllm.observables.states import States
from mdllm.prepare.frames import frame_interval
from mdllm.prepare.training_set import select_training_frames
from mdllm.tokenizers.discretizers.base import Frames

logger = logging.getLogger(__name__)

CODEBOOK = "codebook.csv"


def discretize(
    table: pd.DataFrame,
    atoms: tuple[Path, Path] | None,
    observables: Observables,
    settings: DiscretizerSettings,
    seed: int,
    output: Path,
    training_set: TrainingSet | None = None,
) -> dict:
    """Write `tokenizer/`, with `codebook.csv` in it, and `codes.npz` into `output`.

    Args:
        table: `frames.parquet`.
        atoms: topology and trajectory of the kept atoms; None for a model potential, which has none.
        observables: the collective variables and the states.
        settings: the config section of the discretizer.
        seed: root of its random draws.
        training_set: frames that models learn from; None: all of them. Codes are those of all frames.

    `codes.npz` has the arrays of `mdllm.tokenizers.tokenize.tokenize`, with codes (F, 1), and with a training set
    `training` (F,), the contiguous stretch of training frames that a frame is in, -1 for none. `codebook.csv` has a row
    per code: code, count, state in which its representative lies (or "none"), and the representative's variables.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: a state has no visited code, no frame follows another, or what the discretizer refuses.
    """
    every = Frames.of(table, observables, atoms)
    kept = every.pick(np.flatnonzero(table.groupby("segment").cumcount() % settings.stride == 0))
    fitted = settings.load().fit(kept, settings, observables, seed)
    codes = fitted.encode(kept)
    book = _codebook(np.bincount(codes, minlength=fitted.codebook_size), fitted.representatives(kept), observables)
    fitted.save(output / "tokenizer")
    book.to_csv(output / "tokenizer" / CODEBOOK, index=False)
    interval_ps, training, learned = frame_interval(kept.table), {}, {}
    if training_set is not None:
        chosen = select_training_frames(kept.table, training_set)
        training = {"training": np.full(len(kept), -1, np.int32)}
        training["training"][chosen.index] = chosen.segment
        learned = {"training_frames": len(chosen.index), "pieces": int(chosen.segment[-1]) + 1}
    write_npz(
        output / "codes.npz",
        codes=codes[:, None],
        frame=kept.table["frame"].to_numpy(),
        index=kept.rows,
        segment=kept.table["segment"].to_numpy(),
        codebook_size=np.int32(fitted.codebook_size),
        interval_ps=np.float64(f"{interval_ps:.4g}"),  # XTC holds times in single precision
        **training,
    )
    return {"frames": len(kept), **learned, "codes_used": int((book["count"] > 0).sum()), **fitted.values()}


def _codebook(counts: np.ndarray, known: pd.DataFrame, observables: Observables) -> pd.DataFrame:
    if "state" in known:
        state, values = known["state"].to_numpy(), {}
    else:
        values = {name: known[name].to_numpy() for name in known}
        state = States(observables.states, observables.collective_variables).label(values)
    visited = set(state[counts > 0])
    for name in observables.states:
        if name not in visited:
            raise InputError(
                f"states.{name}: no frame has a code in this state, so its kinetics cannot be learned; widen the "
                "region, or simulate longer"
            )
    if (counts == 0).any():
        logger.info("%d of %d codes are never visited", (counts == 0).sum(), len(counts))
    return pd.DataFrame({"code": np.arange(len(counts)), "count": counts, "state": state, **values})
