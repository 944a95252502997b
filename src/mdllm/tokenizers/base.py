"""The contract of a tokenizer of backbones, and how fitted tokenizers and discretizers are kept.

Axes: F frames, L residues, K codebook size. To add a tokenizer, write a module with a subclass of `Tokenizer` and its
settings class (derived from `mdllm.config.choices.TokenizerSettings`), and name the latter in `TOKENIZERS` there or,
from another package, in an entry point of the group `mdllm.tokenizers`. `mdllm.tokenizers.torsion_grid` is a short
example.
"""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
from safetensors.numpy import load_file, save_file

from mdllm.config.choices import DISCRETIZERS, TOKENIZERS
from mdllm.config.registry import Choice
from mdllm.core.errors import InputError

WEIGHTS = "tokenizer.safetensors"
_DESCRIPTION = "tokenizer.json"


class Fitted(ABC):
    """Something that was learned from frames and is then frozen.

    A subclass keeps everything that it learned in named arrays (`arrays`) and in plain values (`values`), so that
    saving, loading and comparing need no code of its own.

    Attributes:
        name: as in a config file; the tag of its settings class.
        codebook_size: K.
    """

    name: ClassVar[str]
    codebook_size: int

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays that rebuild this object, with `values`."""

    @abstractmethod
    def values(self) -> dict:
        """JSON-serializable values that rebuild this object, with `arrays`."""

    @classmethod
    @abstractmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "Fitted":
        """The inverse of `arrays` and `values`."""

    def save(self, folder: Path) -> None:
        """Write `tokenizer.safetensors` and `tokenizer.json` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {key: np.ascontiguousarray(array) for key, array in self.arrays().items()}
        save_file(arrays, folder / WEIGHTS)
        values = {"name": self.name, "codebook_size": self.codebook_size, "values": self.values()}
        (folder / _DESCRIPTION).write_text(json.dumps(values, indent=2) + "\n")


class Tokenizer(Fitted):
    """A fitted, frozen map between backbones and codes; one code per residue per frame."""

    @classmethod
    @abstractmethod
    def fit(cls, backbone: np.ndarray, settings, seed: int) -> "Tokenizer":
        """Learn from training frames, backbone (F, L, 3, 3) in nm; `settings` is the tokenizer's config section."""

    @abstractmethod
    def encode(self, backbone: np.ndarray) -> np.ndarray:
        """Codes (F, L), int32 in [0, K), of backbones (F, L, 3, 3); the same after any rigid motion of a frame."""

    @abstractmethod
    def decode(self, codes: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Backbones (F, L, 3, 3) in nm of codes (F, L), in the pose of the training reference.

        With `rng`, each residue is drawn from the spread of the training residuals within its code; without, its
        centre is taken.
        """


def load_tokenizer(folder: Path) -> Fitted:
    """The tokenizer or discretizer that `Fitted.save` wrote into `folder`.

    Raises:
        InputError: its kind is not installed.
    """
    description = json.loads((Path(folder) / _DESCRIPTION).read_text())
    known: dict[str, type[Choice]] = TOKENIZERS.classes | DISCRETIZERS.classes
    if description["name"] not in known:
        raise InputError(
            f"{folder} was made by the tokenizer '{description['name']}', which is not installed; known are "
            f"{', '.join(known)}"
        )
    return known[description["name"]].load().build(load_file(Path(folder) / WEIGHTS), description["values"])
