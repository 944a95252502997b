"""Bins of equal width along one collective variable."""

import logging
from typing import ClassVar

import numpy as np
import pandas as pd

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.tokenizers.discretizers.base import Discretizer, Frames
from mdllm.tokenizers.discretizers.settings import BinsSettings

logger = logging.getLogger(__name__)


class Bins(Discretizer):
    """A value on an edge belongs to the bin above. Angles wrap, so that pi is -pi."""

    name: ClassVar[str] = "bins"

    def __init__(self, edges: np.ndarray, periodic: bool, variable: str):
        self.edges, self.periodic, self.variable = edges, periodic, variable
        self.codebook_size = len(edges) - 1

    @classmethod
    def fit(cls, frames: Frames, settings: BinsSettings, observables: Observables, seed: int) -> "Bins":
        """Edges as configured.

        Raises:
            InputError: edges that leave a frame outside, or a bin at the rim that no frame is in.
        """
        periodic = settings.low is None
        low, high = (-np.pi, np.pi) if periodic else (settings.low, settings.high)
        bins = cls(np.linspace(low, high, settings.bins + 1), periodic, settings.variable)
        values = frames.variables([settings.variable])[:, 0]
        outside = np.flatnonzero(~bins._inside(values))
        if len(outside):
            raise InputError(
                f"frame {outside[0]} (counted from 0) has the value {values[outside[0]]:.4g}, outside the bins from "
                f"{low:.4g} to {high:.4g} ({len(outside)} frames alike); widen tokenizer.low and tokenizer.high"
            )
        codes = bins._codes(values)
        if not periodic and (codes.min() > 0 or codes.max() < settings.bins - 1):
            raise InputError(
                f"tokenizer: {settings.variable} lies between {values.min():.4g} and {values.max():.4g}, so that the "
                f"outermost of {settings.bins} bins from {low:g} to {high:g} are empty; move tokenizer.low and "
                "tokenizer.high to the data"
            )
        return bins

    def encode(self, frames: Frames) -> np.ndarray:
        """Codes (F,); a frame beyond the outermost edges counts to the bin at the rim, with a warning.

        Raises:
            InputError: a frame that has no value.
        """
        values = frames.variables([self.variable])[:, 0]
        missing = np.flatnonzero(~np.isfinite(values))
        if len(missing):
            raise InputError(f"frame {missing[0]} (counted from 0) has no {self.variable} ({len(missing)} alike)")
        outside = np.count_nonzero(~self._inside(values))
        if outside:
            logger.warning(
                "%d of %d frames have a %s beyond the bins from %.4g to %.4g; they count to the bin at the rim",
                *(outside, len(values), self.variable, *self.edges[[0, -1]]),
            )
        return self._codes(np.clip(values, *self.edges[[0, -1]]))

    def representatives(self, frames: Frames) -> pd.DataFrame:
        return pd.DataFrame({frames.columns[self.variable]: (self.edges[:-1] + self.edges[1:]) / 2})

    def _inside(self, values: np.ndarray) -> np.ndarray:
        return (values >= self.edges[0]) & (values <= self.edges[-1])

    def _codes(self, values: np.ndarray) -> np.ndarray:
        codes = np.searchsorted(self.edges, values, side="right") - 1
        size = self.codebook_size
        return (codes % size if self.periodic else np.minimum(codes, size - 1)).astype(np.int32)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"edges": self.edges}

    def values(self) -> dict:
        return {"periodic": self.periodic, "variable": self.variable}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "Bins":
        return cls(arrays["edges"], **values)
