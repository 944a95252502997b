"""The structure that a tokenizer of poses lays its frames on."""

import numpy as np

from mdllm.core.geometry import kabsch

_MEAN_ROUNDS = 5


def align(backbone: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Backbones (F, L, 3, 3) laid on a reference (L, 3, 3), in float64."""
    points = backbone.astype(np.float64).reshape(len(backbone), -1, 3)
    rotation, translation = kabsch(points, reference.reshape(-1, 3))
    return (points @ rotation + translation[:, None]).reshape(backbone.shape)


def mean_backbone(backbone: np.ndarray) -> np.ndarray:
    """The mean (L, 3, 3) of backbones (F, L, 3, 3), each laid on it."""
    mean = backbone[0].astype(np.float64)
    for _ in range(_MEAN_ROUNDS):
        mean = align(backbone, mean).mean(0)
    return mean
