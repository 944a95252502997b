"""How far MD itself wanders from training frames: frames of the training states that the model was not trained on.

Where there are too few of these, the training frames are cut into contiguous stretches, and each is compared with the
frames of all others: what a simulation of the same state would show if one stretch of it were not known. Frames that
joined the training frames from elsewhere (`mdllm.verification.rounds`) are never held out.

Of structures without MD nothing can be held out: what the tokenizer makes of each is compared with all of them, and
what MD typically shows takes the place of what it shows of this molecule (`mdllm.analysis.novelty.threshold`).
"""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mdllm.analysis.novelty.spans import Distances, KnownFrames
from mdllm.ensembles.sources import spread
from mdllm.prepare.training_set import JOINED
from mdllm.tokenizers.base import Tokenizer

logger = logging.getLogger(__name__)
STRETCHES = 5
UNSEEN, BLOCKS, ALONE = "unseen", "stretches", "structures"
MEANING = {
    UNSEEN: "MD frames of the training states that were not trained on",
    BLOCKS: f"each of {STRETCHES} stretches of the training frames, compared with the others",
    ALONE: "the structures themselves, since there is no MD of them; new is what is beyond what MD of other proteins "
    "typically shows",
}


@dataclass(frozen=True)
class HeldOut:
    """Held-out frames and their distances to the training frames that are not held out.

    Attributes:
        kind: a key of MEANING.
        rows: (F,) in the MD trajectory.
        raw, coded: distances of the frames as they are, and after encode->decode.
        backbone: (F, L, 3, 3) in nm, after encode->decode.
        compared: (F,) rows, in the MD trajectory, of the nearest frame that is not held out, to the coded frame.
    """

    kind: str
    rows: np.ndarray
    raw: Distances
    coded: Distances
    backbone: np.ndarray
    compared: np.ndarray


def held_out(
    table: pd.DataFrame,
    training: np.ndarray,
    training_backbone: np.ndarray,
    read,
    training_states: list[str],
    tokenizer: Tokenizer,
    spans: np.ndarray,
    *,
    most: int,
    least: int,
) -> HeldOut:
    """Distances of held-out MD.

    Args:
        table: of the MD trajectory, with `training`, `state` and `round`.
        training: (M,) rows of the training frames that frames are compared with, and their backbones (M, L, 4, 3).
        read: function of rows to backbones (F, L, 4, 3) in nm.
        training_states: states of which frames are held out.
        most: frames held out at most, evenly spread.
        least: frames that must be there outside the training set; below, stretches of it are taken.
    """
    alone = bool(table["time_ps"].isna().all() and table["segment"].is_unique)
    outside = ~table["training"].to_numpy() & table["state"].isin(training_states).to_numpy()
    unseen = spread(np.flatnonzero(outside), most)
    everything = np.arange(len(training))
    kind = ALONE if alone else UNSEEN if len(unseen) >= least else BLOCKS
    if alone:
        logger.info("of structures without MD nothing can be held out")
        parts = [(training, everything)]
    elif kind == UNSEEN:
        parts = [(unseen, everything)]
    else:
        logger.info("%d held-out MD frames are too few: stretches of the training frames are held out", len(unseen))
        own = np.flatnonzero(table[JOINED].to_numpy()[training] == 0)
        pieces = [piece for piece in np.array_split(own, min(STRETCHES, len(own))) if len(piece)]
        shown = [spread(piece, max(most // STRETCHES, 1)) for piece in pieces]
        parts = [(training[own], np.setdiff1d(everything, piece)) for own, piece in zip(shown, pieces, strict=True)]
    found = []
    for rows, against in parts:
        known = KnownFrames(training_backbone[against], spans)
        backbone = read(rows)[:, :, :3]
        coded = tokenizer.decode(tokenizer.encode(backbone))
        distances = known.distances(coded)
        found.append((rows, known.distances(backbone), distances, coded, training[against][distances.nearest]))
    rows, raw, coded, backbone, compared = zip(*found, strict=True)
    stacked = (np.concatenate(rows), _stack(raw), _stack(coded), np.concatenate(backbone), np.concatenate(compared))
    return HeldOut(kind, *stacked)


def _stack(parts: tuple[Distances, ...]) -> Distances:
    names = ("whole_nm", "nearest", "span_nm", "span_rad")
    return Distances(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
