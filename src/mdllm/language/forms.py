"""The two languages that frames can be written in, behind one interface.

`codes` (`mdllm.language.vocabulary`) has one token per code, `text` (`mdllm.language.text`) writes codes as numbers
after an instruction. Axes: F frames, L residues, K codebook size, T tokens, W windows.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

from mdllm.core.records import read_json
from mdllm.language.text.language import TextLanguage
from mdllm.language.vocabulary import Vocabulary


class Language(Protocol):
    """What training and rollout ask of a language."""

    @property
    def residues(self) -> int:
        """L."""

    @property
    def codebook_size(self) -> int:
        """K."""

    @property
    def size(self) -> int:
        """Number of token ids of the model, those of the language and all others."""

    def window(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Token ids (T,) of successive frames (n, L), and each token's frame (T,); -1 before the first frame."""

    def window_lengths(self, codes: np.ndarray, starts: np.ndarray, frames: int) -> np.ndarray:
        """Tokens (W,) of the windows of `frames` frames of `codes` (F, L) at `starts` (W,)."""

    def save(self, path: Path) -> None:
        """Write everything that `load_language` needs, as JSON."""


def load_language(path: Path) -> Language:
    """The language that was saved, of either form."""
    return (TextLanguage if "prompt" in read_json(path) else Vocabulary).load(path)
