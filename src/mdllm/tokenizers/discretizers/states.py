"""The named states as codes: one each, in the order of the system file, and one for frames outside all of them."""

from typing import ClassVar

import numpy as np
import pandas as pd

from mdllm.config.settings.system import OUTSIDE, Observables
from mdllm.tokenizers.discretizers.base import Discretizer, Frames
from mdllm.tokenizers.discretizers.settings import StatesSettings


class NamedStates(Discretizer):
    """Code k is the k-th of `names`."""

    name: ClassVar[str] = "states"

    def __init__(self, names: list[str]):
        self.names = names
        self.codebook_size = len(names)

    @classmethod
    def fit(cls, frames: Frames, settings: StatesSettings, observables: Observables, seed: int) -> "NamedStates":
        return cls([*observables.states, OUTSIDE])

    def encode(self, frames: Frames) -> np.ndarray:
        return np.array([self.names.index(state) for state in frames.states()], np.int32)

    def representatives(self, frames: Frames) -> pd.DataFrame:
        return pd.DataFrame({"state": self.names})

    def arrays(self) -> dict[str, np.ndarray]:
        return {"code": np.arange(len(self.names), dtype=np.int32)}

    def values(self) -> dict:
        return {"names": self.names}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "NamedStates":
        return cls(values["names"])
