"""Tokenize: fit a tokenizer on training frames only, and write the codes of these frames."""

import logging
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mdllm.core.records import write_npz
from mdllm.core.trajectories import iterate_backbone, open_backbone, read_backbone
from mdllm.prepare.training_set import TrainingFrames
from mdllm.tokenizers.base import tokenizer_class

logger = logging.getLogger(__name__)


def tokenize(topology: Path, trajectory: Path, frames: TrainingFrames, settings, seed: int, output: Path) -> dict:
    """Write `tokenizer/` and `codes.npz` into `output`.

    Args:
        topology, trajectory: the prepared backbone.
        frames: the training frames.
        settings: the config section `tokenizer`; at most `settings.fit_frames` frames, evenly spread, are fitted.
        seed: root of the tokenizer's random draws.

    `codes.npz` holds `codes` (F, L), `frame` (F,) raw frame numbers, `index` (F,) into the prepared trajectory,
    `segment` (F,) contiguous stretches, `codebook_size`, and `interval_ps` between neighbouring frames.

    Returns:
        counts for the provenance record.
    """
    universe = open_backbone(topology, trajectory)
    spread = np.linspace(0, len(frames.index) - 1, min(settings.fit_frames, len(frames.index)))
    fitted = frames.index[np.unique(spread.round().astype(int))]
    logger.info("fitting %s on %d of %d training frames", settings.name, len(fitted), len(frames.index))
    tokenizer = tokenizer_class(settings.name).fit(read_backbone(universe, fitted)[:, :, :3], settings, seed)
    tokenizer.save(output / "tokenizer")
    codes = []
    with tqdm(total=len(frames.index), desc="encode", unit="frame", mininterval=1) as progress:
        for _, backbone in iterate_backbone(universe, frames.index):
            codes.append(tokenizer.encode(backbone[:, :, :3]))
            progress.update(len(backbone))
    write_npz(
        output / "codes.npz",
        codes=np.concatenate(codes).astype(np.int32),
        frame=frames.frame,
        index=frames.index,
        segment=frames.segment,
        codebook_size=np.int32(tokenizer.codebook_size),
        interval_ps=np.float64(frames.interval_ps),
    )
    return {"training_frames": len(frames.index), "fitted_frames": len(fitted), "segments": int(frames.segment[-1]) + 1}
