"""The contract of a tokenizer, and the registry by which the config names one.

Axes: F frames, L residues, K codebook size. To add a tokenizer, write a module with a subclass of `Tokenizer`
decorated with ``@register("name")``, give it a settings class in `mdllm.config.plan`, and name the module in
`_MODULES`.
"""

import importlib
import json
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from mdllm.core.errors import InputError

_REGISTRY: dict[str, type["Tokenizer"]] = {}
_MODULES = {
    "multiscale": "mdllm.tokenizers.multiscale.tokenizer",
    "torsion_grid": "mdllm.tokenizers.torsion_grid",
    "foldtoken4": "mdllm.tokenizers.foldtoken4.tokenizer",
    "bins": "mdllm.tokenizers.discretizers.discretizers",
    "nearest_center": "mdllm.tokenizers.discretizers.discretizers",
    "k_centers": "mdllm.tokenizers.discretizers.discretizers",
}


class Tokenizer(ABC):
    """A fitted, frozen map between backbones and codes; one code per residue per frame.

    A subclass keeps everything that it learned in named arrays (`arrays`) and in plain values (`values`), so that
    saving, loading and comparing need no code of its own.
    """

    name: str
    codebook_size: int

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

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays that rebuild this tokenizer, with `values`."""

    @abstractmethod
    def values(self) -> dict:
        """JSON-serializable values that rebuild this tokenizer, with `arrays`."""

    @classmethod
    @abstractmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "Tokenizer":
        """The inverse of `arrays` and `values`."""

    def save(self, folder: Path) -> None:
        """Write `tokenizer.safetensors` and `tokenizer.json` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {key: np.ascontiguousarray(array) for key, array in self.arrays().items()}
        save_file(arrays, folder / "tokenizer.safetensors")
        values = {"name": self.name, "codebook_size": self.codebook_size, "values": self.values()}
        (folder / "tokenizer.json").write_text(json.dumps(values, indent=2) + "\n")


def register(name: str):
    """Class decorator: make a tokenizer known by `name`."""

    def add(cls: type[Tokenizer]) -> type[Tokenizer]:
        cls.name = name
        _REGISTRY[name] = cls
        return cls

    return add


def tokenizer_class(name: str) -> type[Tokenizer]:
    """The tokenizer registered as `name`.

    Raises:
        InputError: no tokenizer has that name.
    """
    if name not in _MODULES:
        raise InputError(f"tokenizer.name '{name}' is unknown; choose one of {', '.join(sorted(_MODULES))}")
    importlib.import_module(_MODULES[name])
    return _REGISTRY[name]


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer that `Tokenizer.save` wrote into `folder`."""
    description = json.loads((Path(folder) / "tokenizer.json").read_text())
    arrays = load_file(Path(folder) / "tokenizer.safetensors")
    return tokenizer_class(description["name"]).build(arrays, description["values"])
