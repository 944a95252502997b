"""What a language model has to beat, in nats per code, on the very codes that it is judged on.

Axes: F frames, L residues, K codebook size.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from mdllm.language.frequencies import ResidueFrequencies
from mdllm.language.series import CodeSeries
from mdllm.language.windows import Split


@dataclass(frozen=True)
class Baselines:
    """Losses of the two baselines.

    Attributes:
        frequencies: nats per code of residue-wise frequencies p_l(k).
        persistence: nats per code of w [k = code of the frame before] + (1 - w) p_l(k).
        persistence_weight: w.
        smoothing: pseudocount of the frequencies.
    """

    frequencies: float
    persistence: float
    persistence_weight: float
    smoothing: float

    def report(self) -> dict[str, float]:
        """Their keys of `training.json`."""
        return {
            "baseline_frequencies": self.frequencies,
            "baseline_persistence": self.persistence,
            "persistence_weight": self.persistence_weight,
            "frequency_smoothing": self.smoothing,
        }


def persistence_weight(frequency: np.ndarray, same: np.ndarray) -> float:
    """The w of the largest likelihood of w [same] + (1 - w) frequency, arrays of one shape."""

    def loss(w: float) -> float:
        return -np.log(w * same + (1 - w) * frequency).mean()

    return float(minimize_scalar(loss, bounds=(0, 1), method="bounded").x)


def evaluate(series: CodeSeries, split: Split) -> Baselines:
    """Fit both baselines on the frames before the gap, and judge them on the judged frames of validation windows.

    The weight is fitted with each training code left out of its own frequency; otherwise the frequencies would look
    better on training frames than they are.
    """
    training = series.codes[: split.training_frames]
    frequencies = ResidueFrequencies.fit(training, series.codebook_size)
    neighbours = np.diff(series.stretches()[: split.training_frames]) == 0
    same = (training[1:] == training[:-1])[neighbours]
    weight = persistence_weight(frequencies.left_out(training)[1:][neighbours], same)

    judged = split.judged.ravel()
    codes, before = series.codes[judged], series.codes[judged - 1]
    probability = frequencies.of(codes)
    mixed = weight * (codes == before) + (1 - weight) * probability
    return Baselines(
        frequencies=float(-np.log(probability).mean()),
        persistence=float(-np.log(mixed).mean()),
        persistence_weight=weight,
        smoothing=frequencies.smoothing,
    )
