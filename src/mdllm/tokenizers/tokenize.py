"""Tokenize: fit a tokenizer on training frames only, and write the codes of these frames; or one code per frame."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mdllm.config.choices import DiscretizerSettings, TokenizerSettings
from mdllm.config.settings.system import Observables, TrainingSet
from mdllm.core.records import write_npz
from mdllm.core.trajectories import iterate_backbone, open_backbone, read_backbone
from mdllm.prepare.training_set import TrainingFrames, select_training_frames
from mdllm.tokenizers.base import Tokenizer, load_tokenizer
from mdllm.tokenizers.discretizers.discretize import discretize

logger = logging.getLogger(__name__)


def tokenize(
    prepared: Mapping[str, Path],
    settings: TokenizerSettings | DiscretizerSettings,
    seed: int,
    output: Path,
    *,
    training_set: dict | None = None,
    observables: dict | None = None,
) -> dict:
    """Code the training frames residue by residue, or all frames in one code each, as `settings` says.

    Args:
        prepared: `frames`, the table, and `topology` and `trajectory` where there are atoms; `tokenizer`, where the
            frames are to be coded by one that is there already.
        training_set, observables: those sections of the system file, the latter of a discretizer only.

    See `tokenize_residues` and `mdllm.tokenizers.discretizers.discretize.discretize`.
    """
    table = pd.read_parquet(prepared["frames"])
    if settings.codes_per == "frame":
        atoms = (prepared["topology"], prepared["trajectory"]) if "topology" in prepared else None
        known = Observables.model_validate(observables)
        chosen = None if training_set is None else TrainingSet.model_validate(training_set)
        return discretize(table, atoms, known, settings, seed, output, chosen)
    frames = select_training_frames(table, TrainingSet.model_validate(training_set))
    known = load_tokenizer(prepared["tokenizer"]) if "tokenizer" in prepared else None
    return tokenize_residues(prepared["topology"], prepared["trajectory"], frames, settings, seed, output, known)


def tokenize_residues(
    topology: Path,
    trajectory: Path,
    frames: TrainingFrames,
    settings: TokenizerSettings,
    seed: int,
    output: Path,
    tokenizer: Tokenizer | None = None,
) -> dict:
    """Write `tokenizer/` and `codes.npz` into `output`.

    Args:
        topology, trajectory: the prepared backbone.
        frames: the training frames.
        settings: the config section `tokenizer`; at most `settings.fit_frames` frames, evenly spread, are fitted.
        seed: root of the tokenizer's random draws.
        tokenizer: one that is there already, so that codes mean what they did; None: it is fitted.

    `codes.npz` holds `codes` (F, L), `frame` (F,) raw frame numbers, `index` (F,) into the prepared trajectory,
    `segment` (F,) contiguous stretches, `codebook_size`, and `interval_ps` between neighbouring frames.

    Returns:
        counts for the provenance record.
    """
    universe = open_backbone(topology, trajectory)
    fitted = frames.index[:0]
    if tokenizer is None:
        spread = np.linspace(0, len(frames.index) - 1, min(settings.fit_frames, len(frames.index)))
        fitted = frames.index[np.unique(spread.round().astype(int))]
        logger.info("fitting %s on %d of %d training frames", settings.name, len(fitted), len(frames.index))
        tokenizer = settings.load().fit(read_backbone(universe, fitted)[:, :, :3], settings, seed)
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
