"""From distances to one number: by how much a frame is further from all training frames than held-out MD ever is.

Each distance, of the whole molecule and of each span, is divided by what a quantile of held-out MD reaches, so that a
mobile loop and a stiff helix count alike. A frame's novelty is the largest of these ratios. As it is the largest of
many, the same quantile of the novelty of held-out MD lies above 1, and novelty is scaled by it: of held-out MD a share
of 1 - quantile has a novelty above 1, however many spans there are.

Held-out MD has gone through the tokenizer, encode->decode, as every generated frame has: what the tokenizer alone does
to a structure that it was not fitted on is not new. See `mdllm.analysis.novelty.held_out` for what is held out. Where
no MD is known, what is typical of it takes its place: medians over runs of Trp-cage, chignolin, T4 lysozyme and Mad2
(`benchmarks/scales.py`, `benchmarks/records/scales.json`).

Axes: F frames, D distances of a frame (`mdllm.analysis.novelty.spans.Distances.measures`).
"""

from dataclasses import dataclass

import numpy as np

from mdllm.analysis.novelty.spans import Distances

# Distances at which the novelty is 1 where no MD of the molecule is known.
TYPICAL_WHOLE_NM, TYPICAL_SPAN_NM, TYPICAL_SPAN_RAD = 0.16, 0.055, 0.54


@dataclass(frozen=True)
class Threshold:
    """What counts as new.

    Attributes:
        scale: (D,) distances at which the novelty is 1, nm or radian.
    """

    scale: np.ndarray

    @classmethod
    def fit(cls, held_out: np.ndarray, quantile: float) -> "Threshold":
        """From the distances (F, D) of held-out frames."""
        scale = np.quantile(held_out, quantile, axis=0)
        scale = np.maximum(scale, np.finfo(np.float32).eps)
        return cls(scale * np.quantile((held_out / scale).max(1), quantile))

    def with_typical(self) -> "Threshold":
        """The same, but nowhere below what is typical of MD."""
        spans = len(self.scale) // 2
        typical = np.repeat([TYPICAL_WHOLE_NM, TYPICAL_SPAN_NM, TYPICAL_SPAN_RAD], [1, spans, spans])
        return Threshold(np.maximum(self.scale, typical))

    def ratios(self, distances: Distances) -> np.ndarray:
        """(F, D)"""
        return distances.measures() / self.scale

    def novelty(self, distances: Distances) -> np.ndarray:
        """(F,), above 1: new."""
        return self.ratios(distances).max(1)
