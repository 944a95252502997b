"""Centers: the nearest of given points in the space of collective variables, and k-centers by RMSD."""

from typing import ClassVar

import numpy as np
import pandas as pd
from tqdm import tqdm

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.core.geometry import pairwise_rmsd
from mdllm.tokenizers.discretizers.base import Discretizer, Frames
from mdllm.tokenizers.discretizers.settings import KCentersSettings, NearestCenterSettings

_PAIRS_AT_ONCE = 1_000_000


class NearestCenter(Discretizer):
    """The nearest of given points (K, V), by Euclidean distance."""

    name: ClassVar[str] = "nearest_center"

    def __init__(self, centers: np.ndarray, variables: list[str]):
        self.centers, self.variables = centers, variables
        self.codebook_size = len(centers)

    @classmethod
    def fit(
        cls, frames: Frames, settings: NearestCenterSettings, observables: Observables, seed: int
    ) -> "NearestCenter":
        """The centers as configured.

        Raises:
            InputError: a center that no frame is nearest to.
        """
        fitted = cls(np.array(settings.centers, float), settings.variables)
        empty = np.setdiff1d(np.arange(len(settings.centers)), fitted.encode(frames))
        if len(empty):
            raise InputError(
                f"tokenizer.centers: no frame is nearest to {settings.centers[empty[0]]}; give centers that the data "
                "visits, or more data"
            )
        return fitted

    def encode(self, frames: Frames) -> np.ndarray:
        squared = ((frames.variables(self.variables)[:, None] - self.centers) ** 2).sum(-1)
        return squared.argmin(1).astype(np.int32)

    def representatives(self, frames: Frames) -> pd.DataFrame:
        return pd.DataFrame(self.centers, columns=[frames.columns[key] for key in self.variables])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centers": self.centers}

    def values(self) -> dict:
        return {"variables": self.variables}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "NearestCenter":
        return cls(arrays["centers"], **values)


class KCenters(Discretizer):
    """Centers chosen by farthest point, frames by the nearest center, both by RMSD after superposition.

    Every frame that was fitted lies within `cover_radius_nm` of a center, and this radius is at most twice the
    smallest that any K centers could have (Gonzalez, Theor. Comput. Sci. 38, 293, 1985).
    """

    name: ClassVar[str] = "k_centers"

    def __init__(self, centers: np.ndarray, rows: np.ndarray, cover_radius_nm: float, selection: str):
        """`centers` (K, A, 3) are the frames `rows` (K,) of those that were fitted."""
        self.centers, self.rows, self.cover_radius_nm, self.selection = centers, rows, cover_radius_nm, selection
        self.codebook_size = len(centers)

    @classmethod
    def fit(cls, frames: Frames, settings: KCentersSettings, observables: Observables, seed: int) -> "KCenters":
        """Greedy farthest-point traversal from a frame that the seed draws.

        Raises:
            InputError: fewer different frames than centers.
        """
        spread = np.unique(np.linspace(0, len(frames) - 1, min(settings.fit_frames, len(frames))).round().astype(int))
        candidates = frames.pick(spread).coordinates(settings.selection)
        chosen = [int(np.random.default_rng(seed).integers(len(candidates)))]
        nearest = pairwise_rmsd(candidates, candidates[chosen])[:, 0]
        for _ in tqdm(range(settings.centers - 1), desc="k-centers", unit="center", mininterval=1):
            farthest = int(nearest.argmax())
            if farthest in chosen:
                raise InputError(
                    f"tokenizer.centers: {len(candidates)} frames have only {len(chosen)} different structures, fewer "
                    f"than {settings.centers} centers; lower it"
                )
            chosen.append(farthest)
            nearest = np.minimum(nearest, pairwise_rmsd(candidates, candidates[[farthest]])[:, 0])
        return cls(candidates[chosen], spread[chosen], float(nearest.max()), settings.selection)

    def encode(self, frames: Frames) -> np.ndarray:
        coordinates = frames.coordinates(self.selection)
        chunk = max(_PAIRS_AT_ONCE // self.codebook_size, 1)
        parts = [
            pairwise_rmsd(coordinates[first : first + chunk], self.centers).argmin(1)
            for first in range(0, len(coordinates), chunk)
        ]
        return np.concatenate(parts).astype(np.int32)

    def representatives(self, frames: Frames) -> pd.DataFrame:
        return frames.table[list(frames.columns.values())].iloc[self.rows].reset_index(drop=True)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centers": self.centers, "rows": self.rows}

    def values(self) -> dict:
        return {"cover_radius_nm": self.cover_radius_nm, "selection": self.selection}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "KCenters":
        return cls(arrays["centers"], arrays["rows"], **values)
