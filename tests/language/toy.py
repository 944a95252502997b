"""A small code series that a model can learn: a hidden two-state chain decides where most codes lie."""

import numpy as np

from mdllm.language.series import CodeSeries


def toy_series(frames: int = 120, residues: int = 3, codebook_size: int = 5, seed: int = 0) -> CodeSeries:
    """One segment of `frames` frames, numbered 0, 2, 4, ... as after a stride of 2."""
    rng = np.random.default_rng(seed)
    hidden = np.cumsum(rng.random(frames) < 0.1) % 2
    codes = (2 * hidden[:, None] + rng.integers(0, 2, (frames, residues))) % codebook_size
    noise = rng.integers(0, codebook_size, codes.shape)
    codes = np.where(rng.random(codes.shape) < 0.1, noise, codes)
    return CodeSeries(codes, 2 * np.arange(frames), np.zeros(frames, int), codebook_size)
