"""The values of a variable that has few: the states of a series, one code each."""

from typing import ClassVar

import numpy as np
import pandas as pd

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.tokenizers.discretizers.base import Discretizer, Frames
from mdllm.tokenizers.discretizers.settings import NumbersSettings

_MOST = 2000  # codes that a Markov model and its posterior are still solved for


class Numbers(Discretizer):
    """Code k is the k-th of the values that occur, ascending: numbers that never occur have none."""

    name: ClassVar[str] = "numbers"

    def __init__(self, numbers: np.ndarray, variable: str):
        self.numbers, self.variable = numbers, variable
        self.codebook_size = len(numbers)

    @classmethod
    def fit(cls, frames: Frames, settings: NumbersSettings, observables: Observables, seed: int) -> "Numbers":
        """The numbers that occur.

        Raises:
            InputError: there is one alone, or more than a model of codes is made for.
        """
        found = np.unique(frames.variables([settings.variable])[:, 0])
        if len(found) < 2:
            raise InputError(f"tokenizer: all {len(frames)} frames have the {settings.variable} {found[0]:g}")
        if len(found) > _MOST:
            raise InputError(
                f"tokenizer: {len(frames)} frames have {len(found)} different values of {settings.variable}, up to "
                f"{found[-1]:g}; at most {_MOST} are taken for states. Is it a time or another number (source.column)?"
            )
        return cls(found.astype(np.int64), settings.variable)

    def encode(self, frames: Frames) -> np.ndarray:
        """Codes (F,).

        Raises:
            InputError: a number that was not fitted.
        """
        values = frames.variables([self.variable])[:, 0]
        unknown = np.flatnonzero(~np.isin(values, self.numbers))
        if len(unknown):
            raise InputError(f"frame {unknown[0]} (counted from 0): {self.variable} {values[unknown[0]]:g} is unknown")
        return np.searchsorted(self.numbers, values).astype(np.int32)

    def representatives(self, frames: Frames) -> pd.DataFrame:
        return pd.DataFrame({frames.columns[self.variable]: self.numbers})

    def arrays(self) -> dict[str, np.ndarray]:
        return {"numbers": self.numbers}

    def values(self) -> dict:
        return {"variable": self.variable}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "Numbers":
        return cls(arrays["numbers"], **values)
