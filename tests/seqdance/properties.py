"""Properties of proteins that are made up, in files."""

from pathlib import Path

import numpy as np

from mdllm.seqdance.storage import PropertyWriter
from mdllm.seqdance.tokens import chains_of

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def made_up(sequence: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Residue (L, 50) and pair (L, L, 13) properties that follow from the sequence, with noise."""
    rng = np.random.default_rng(seed)
    letters = "".join(chains_of(sequence))
    size = len(letters)
    kind = np.array([LETTERS.index(letter) for letter in letters]) / 20
    residue = np.empty((size, 50))
    residue[:, :3] = np.stack([0.2 + kind, 0.1 + kind / 5, 0.05 + kind / 2], 1)
    for part in (slice(3, 11), slice(11, 23), slice(23, 35), slice(35, 47)):
        shares = np.exp(np.outer(kind, np.linspace(-2, 2, part.stop - part.start)))
        residue[:, part] = shares / shares.sum(1, keepdims=True)
    residue[:, 47:] = np.outer(1 + kind, [1, 2, 3])
    residue += 0.01 * rng.random(residue.shape)
    residue[np.isin(list(letters), ["A", "G"]), 11:23] = np.nan
    residue[0, 23:35] = residue[-1, 35:47] = np.nan
    near = np.exp(-np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / 3)
    pair = near[..., None] * (0.5 + np.add.outer(kind, kind)[..., None] * np.linspace(0.2, 0.4, 13))
    return residue, pair


def write(folder: Path, train: int = 6, validation: int = 3, groups=("md", "nma"), size: int = 20) -> Path:
    """A folder of made-up proteins; those of the group `nma` have normal modes alone."""
    rng = np.random.default_rng(0)
    writer = PropertyWriter(folder)
    for group in groups:
        for number in range(train + validation):
            sequence = "".join(rng.choice(list(LETTERS), size + number))
            residue, pair = made_up(sequence, number)
            if group == "nma":
                residue[:, :47], pair[..., :10] = np.nan, np.nan
            split = "train" if number < train else "validation"
            writer.add(f"{group}{number}", sequence, group, split, residue, pair)
    writer.close()
    return folder
