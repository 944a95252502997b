"""Codes to token ids and back.

Axes: F frames, L residues, K codebook size. A frame is always L tokens, one per residue, in the order of the residues;
so the position in the frame alone says which ids may stand there.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Vocabulary:
    """A table of token ids.

    Attributes:
        ids: (L, K) token id of code k at residue l; the ids of one residue are distinct. Any table will do.
        size: number of token ids of the model, these and all others.
    """

    ids: np.ndarray
    size: int

    @classmethod
    def from_scratch(cls, residues: int, codebook_size: int) -> "Vocabulary":
        """Ids from 0 upwards, every residue with its own K: a token then says where it stands."""
        return cls(np.arange(residues * codebook_size).reshape(residues, codebook_size), residues * codebook_size)

    @classmethod
    def shared(cls, ids: np.ndarray, residues: int, size: int) -> "Vocabulary":
        """The same ids (K,) at every residue, such as reserved ids of a pretrained tokenizer."""
        return cls(np.tile(ids, (residues, 1)), size)

    @property
    def residues(self) -> int:
        """L, the number of tokens of a frame."""
        return self.ids.shape[0]

    @property
    def codebook_size(self) -> int:
        """K, the number of ids that may stand at one position."""
        return self.ids.shape[1]

    def allowed(self, residue: int) -> np.ndarray:
        """Token ids (K,) that may stand at a residue, in the order of the codes."""
        return self.ids[residue]

    def encode(self, codes: np.ndarray) -> np.ndarray:
        """Token ids (..., F L) of codes (..., F, L)."""
        tokens = self.ids[np.arange(self.residues), codes]
        return tokens.reshape(*codes.shape[:-2], -1)

    def window(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Token ids (n L,) of successive frames (n, L), and the number of the frame that each belongs to."""
        return self.encode(frames), np.repeat(np.arange(len(frames)), self.residues)

    def window_lengths(self, codes: np.ndarray, starts: np.ndarray, frames: int) -> np.ndarray:
        """Tokens (W,) of the windows of `frames` frames of `codes` (F, L) at `starts` (W,): the same for all."""
        return np.full(len(starts), frames * self.residues)

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Codes (..., F, L) of token ids (..., F L).

        Raises:
            ValueError: a token that may not stand where it stands.
        """
        frames = tokens.reshape(*tokens.shape[:-1], -1, self.residues)
        matches = frames[..., None] == self.ids
        if not matches.any(-1).all():
            *_, residue = where = np.argwhere(~matches.any(-1))[0]
            raise ValueError(f"token {frames[tuple(where)]} is no code of residue index {residue}")
        return matches.argmax(-1)

    def save(self, path: Path) -> None:
        """Write the table as JSON."""
        path.write_text(json.dumps({"size": self.size, "ids": self.ids.tolist()}) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """The vocabulary that `save` wrote."""
        values = json.loads(path.read_text())
        return cls(np.array(values["ids"]), values["size"])
