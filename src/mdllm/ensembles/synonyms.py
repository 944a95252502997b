"""Synonyms: codes that a tokenizer takes for each other when structures are moved by as much as it errs itself.

What is moved are the training frames, decoded with the spread of the training residuals within each code
(`Tokenizer.decode` with `rng`), and then coded again: codes that come back in the place of a residue's code are its
synonyms there, the more often the likelier. So a synonym is defined for every tokenizer, whatever its codes mean.
Exchanging such tokens makes ensembles by itself (TokenMD, arXiv 2511.10056).

Axes: F frames, L residues, K codes, N exchanged frames.
"""

from dataclasses import dataclass

import numpy as np

from mdllm.tokenizers.base import Tokenizer

# Frames that are moved, evenly spread over the training frames; few of these are moved several times.
_MOVED = 1000


@dataclass(frozen=True)
class Synonyms:
    """What came back for which code of which residue.

    Attributes:
        place: residue and code that was moved, as l K + k, in ascending order.
        code: what came back.
        codebook_size: K.
    """

    place: np.ndarray
    code: np.ndarray
    codebook_size: int

    @classmethod
    def fit(cls, tokenizer: Tokenizer, codes: np.ndarray, rng: np.random.Generator) -> "Synonyms":
        """Of training codes (F, L)."""
        moved = codes[np.linspace(0, len(codes) - 1, _MOVED).round().astype(int)]
        back = tokenizer.encode(tokenizer.decode(moved, rng))
        place = _place(moved, tokenizer.codebook_size).ravel()
        order = np.argsort(place, kind="stable")
        return cls(place[order], back.ravel()[order], tokenizer.codebook_size)

    def exchanged(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Training codes (N, L), each exchanged for one of what came back in its place, whatever the others are.

        A code that was not moved has no synonym, and stays.
        """
        wanted = _place(codes, self.codebook_size)
        first, end = (np.searchsorted(self.place, wanted, side=side) for side in ("left", "right"))
        chosen = rng.integers(first, np.maximum(end, first + 1)).clip(max=len(self.code) - 1)
        return np.where(end > first, self.code[chosen], codes).astype(np.int32)


def _place(codes: np.ndarray, codebook_size: int) -> np.ndarray:
    return codes + codebook_size * np.arange(codes.shape[1])
