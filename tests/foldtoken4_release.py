"""A stand-in for the released weights of FoldToken4: the public code's own network, small, with random weights."""

import importlib
from pathlib import Path

import numpy as np

from mdllm.tokenizers.foldtoken4.settings import FoldToken4Settings
from mdllm.tokenizers.foldtoken4.tokenizer import FoldToken4

LEVEL = 5
CONFIG = {
    "levels": [5, 8],
    "vq_space": 8,
    "condition_layer": 3,
    "hidden_dim": 16,
    "enc_layers": 2,
    "dec_layers": 2,
    "k_neighbors": 30,
    "dec_topk": 30,
    "virtual_frame_num": 3,
    "steps_per_epoch": None,
    "model_name": "read by nothing here",
}


class Interrupted(Exception):
    """Raised in place of a kill."""


def fit(release: dict, frames: np.ndarray, **changes) -> FoldToken4:
    return FoldToken4.fit(frames, FoldToken4Settings(**{**release, **changes}), seed=0)


def protein(structure: Path, device: str = "cpu"):
    """The checkout's own reading of a PDB file."""
    return importlib.import_module("src.chroma.data").Protein(str(structure), device=device)
