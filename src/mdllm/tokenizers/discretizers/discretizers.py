"""Tokenizers that give a frame one code (L = 1): bins of a variable, nearest of given centers, k-centers by RMSD.

Axes: F frames, V collective variables, A atoms, K codebook size. They stand in the same registry as the tokenizers of
backbones and are saved alike, but read other arrays, and what they decode to is the representative of a code.
"""

import numpy as np
from tqdm import tqdm

from mdllm.config.settings.sequence import BinsSettings, KCentersSettings, NearestCenterSettings
from mdllm.core.errors import InputError
from mdllm.core.geometry import pairwise_rmsd
from mdllm.tokenizers.base import Tokenizer, register
from mdllm.tokenizers.input_checks import check_codes

_PAIRS_AT_ONCE = 1_000_000


class OneDimensionalTokenizer(Tokenizer):
    """Maps frames (F, V) of variables, or (F, A, 3) of atoms in nm, to codes (F, 1).

    Attributes:
        variables: names of the collective variables that a frame is made of; none where it is made of atoms.
        representatives: (K, V) or (K, A, 3), what stands for each code.
    """

    variables: list[str]
    representatives: np.ndarray

    @property
    def codebook_size(self) -> int:
        return len(self.representatives)

    def decode(self, codes: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """The representatives of codes (F, 1); `rng` draws nothing, since a code has no spread."""
        return self.representatives[check_codes(codes, 1, self.codebook_size)[:, 0]]


@register("bins")
class Bins(OneDimensionalTokenizer):
    """Bins of equal width; a value on an edge belongs to the bin above. Angles wrap, so that pi is -pi."""

    def __init__(self, edges: np.ndarray, periodic: bool, variables: list[str]):
        self.edges, self.periodic, self.variables = edges, periodic, variables
        self.representatives = (edges[:-1] + edges[1:])[:, None] / 2

    @classmethod
    def fit(cls, frames: np.ndarray, settings: BinsSettings, seed: int) -> "Bins":
        """Edges as configured.

        Raises:
            InputError: edges that leave a frame outside, or a bin at the rim that no frame is in.
        """
        periodic = settings.low is None
        low, high = (-np.pi, np.pi) if periodic else (settings.low, settings.high)
        bins = cls(np.linspace(low, high, settings.bins + 1), periodic, [settings.variable])
        codes = bins.encode(frames)
        if not periodic and (codes.min() > 0 or codes.max() < settings.bins - 1):
            raise InputError(
                f"tokenizer: {settings.variable} lies between {frames.min():.4g} and {frames.max():.4g}, so that the "
                f"outermost of {settings.bins} bins from {low:g} to {high:g} are empty; move tokenizer.low and "
                "tokenizer.high to the data"
            )
        return bins

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """Codes (F, 1) of values (F, 1).

        Raises:
            InputError: a value outside the edges, or none.
        """
        values = frames[:, 0]
        low, high = self.edges[[0, -1]]
        outside = np.flatnonzero(~((values >= low) & (values <= high)))
        if len(outside):
            raise InputError(
                f"frame {outside[0]} (counted from 0) has the value {values[outside[0]]:.4g}, outside the bins from "
                f"{low:.4g} to {high:.4g} ({len(outside)} frames alike); widen tokenizer.low and tokenizer.high"
            )
        codes = np.searchsorted(self.edges, values, side="right") - 1
        size = self.codebook_size
        codes = codes % size if self.periodic else np.minimum(codes, size - 1)
        return codes[:, None].astype(np.int32)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"edges": self.edges}

    def values(self) -> dict:
        return {"periodic": self.periodic, "variables": self.variables}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "Bins":
        return cls(arrays["edges"], **values)


@register("nearest_center")
class NearestCenter(OneDimensionalTokenizer):
    """The nearest of given points, by Euclidean distance."""

    def __init__(self, centers: np.ndarray, variables: list[str]):
        self.representatives, self.variables = centers, variables

    @classmethod
    def fit(cls, frames: np.ndarray, settings: NearestCenterSettings, seed: int) -> "NearestCenter":
        """The centers as configured.

        Raises:
            InputError: a center that no frame is nearest to.
        """
        tokenizer = cls(np.array(settings.centers, float), settings.variables)
        empty = np.setdiff1d(np.arange(len(settings.centers)), tokenizer.encode(frames))
        if len(empty):
            raise InputError(
                f"tokenizer.centers: no frame is nearest to {settings.centers[empty[0]]}; give centers that the data "
                "visits, or more data"
            )
        return tokenizer

    def encode(self, frames: np.ndarray) -> np.ndarray:
        squared = ((frames[:, None] - self.representatives) ** 2).sum(-1)
        return squared.argmin(1)[:, None].astype(np.int32)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centers": self.representatives}

    def values(self) -> dict:
        return {"variables": self.variables}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "NearestCenter":
        return cls(arrays["centers"], **values)


@register("k_centers")
class KCenters(OneDimensionalTokenizer):
    """Centers chosen by farthest point, frames by the nearest center, both by RMSD after superposition.

    Every frame that was fitted lies within `cover_radius_nm` of a center, and this radius is at most twice the
    smallest that any K centers could have (Gonzalez, Theor. Comput. Sci. 38, 293, 1985).
    """

    def __init__(self, centers: np.ndarray, rows: np.ndarray, cover_radius_nm: float):
        """`centers` (K, A, 3) are the frames `rows` (K,) of those that were fitted."""
        self.representatives, self.rows, self.cover_radius_nm = centers, rows, cover_radius_nm
        self.variables = []

    @classmethod
    def fit(cls, frames: np.ndarray, settings: KCentersSettings, seed: int) -> "KCenters":
        """Greedy farthest-point traversal from a frame that the seed draws.

        Raises:
            InputError: fewer different frames than centers.
        """
        spread = np.unique(np.linspace(0, len(frames) - 1, min(settings.fit_frames, len(frames))).round().astype(int))
        candidates = frames[spread]
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
        return cls(candidates[chosen], spread[chosen], float(nearest.max()))

    def encode(self, frames: np.ndarray) -> np.ndarray:
        chunk = max(_PAIRS_AT_ONCE // self.codebook_size, 1)
        parts = [
            pairwise_rmsd(frames[first : first + chunk], self.representatives).argmin(1)
            for first in range(0, len(frames), chunk)
        ]
        return np.concatenate(parts)[:, None].astype(np.int32)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centers": self.representatives, "rows": self.rows}

    def values(self) -> dict:
        return {"cover_radius_nm": self.cover_radius_nm}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "KCenters":
        return cls(arrays["centers"], arrays["rows"], values["cover_radius_nm"])
