"""Log-likelihoods of trajectories: known rates of entropy production are found, and files are read as they are."""

import numpy as np
import pytest
import torch

from mdllm.config.settings.stages import LanguageSettings, TrainingSettings
from mdllm.core.records import write_npz
from mdllm.language.forms import load_language
from mdllm.models.base import load_model
from mdllm.models.diagnostics.trajectories import entropy_production, likelihood_of_codes
from mdllm.models.settings import MarkovSettings
from mdllm.models.training.train import train


def around_a_ring(forth: float, back: float, frames: int = 6000) -> np.ndarray:
    """Codes (F, 1) of a walker on four codes in a ring."""
    moves = np.random.default_rng(0).choice([1, -1, 0], frames, p=[forth, back, 1 - forth - back])
    return np.cumsum(moves)[:, None] % 4


def judged(codes: np.ndarray, folder, forth: float, back: float):
    """Log-likelihoods of codes under the Markov model of the walker; what is estimated would be reversible."""
    path = folder / "codes.npz"
    frames = len(codes)
    write_npz(path, codes=codes, frame=np.arange(frames), segment=np.zeros(frames, int), codebook_size=np.int32(4))
    language = LanguageSettings(context_frames=2, time_reversed=False)
    training = TrainingSettings(validation_share=0.2)
    train(path, language, MarkovSettings(name="markov", lag=1), training, 0, folder, folder / "work", 1)
    model, ring = load_model(folder / "model"), np.full((4, 4), 1e-9)
    for step, share in ((1, forth), (-1, back), (0, 1 - forth - back)):
        ring[np.arange(4), (np.arange(4) + step) % 4] = share
    model.log_transition.data.copy_(torch.from_numpy(np.log(ring)))
    return likelihood_of_codes(codes, load_language(folder / "model" / "vocabulary.json"), model, 2)


@pytest.mark.parametrize(("forth", "back"), [(0.3, 0.1), (0.2, 0.2)])
def test_entropy_production_of_a_driven_ring(forth, back, tmp_path):
    """(p - q) ln(p / q) a frame, which is zero in equilibrium."""
    value, low, high = entropy_production(judged(around_a_ring(forth, back), tmp_path, forth, back))
    expected = (forth - back) * np.log(forth / back)
    assert value == pytest.approx(expected, abs=0.03)
    assert low < value < high
    assert low - 0.02 < expected < high + 0.02


def test_a_frame_is_judged_by_those_before_it_or_after_it(tmp_path):
    table = judged(around_a_ring(0.3, 0.1), tmp_path, 0.3, 0.1)
    assert table["forward_nats"].isna().tolist()[:3] == [True, True, False]
    assert table["backward_nats"].isna().tolist()[-3:] == [False, True, True]
    steps = np.diff(around_a_ring(0.3, 0.1)[:, 0]) % 4
    expected = np.log(np.array([0.6, 0.3, np.nan, 0.1]))[steps]
    np.testing.assert_allclose(table["forward_nats"][2:], expected[1:], atol=1e-4)
    backwards = np.log(np.array([0.6, 0.1, np.nan, 0.3]))[steps]
    np.testing.assert_allclose(table["backward_nats"][:-2], backwards[:-1], atol=1e-4)


def test_too_short_for_a_window(tmp_path):
    judged(around_a_ring(0.3, 0.1), tmp_path, 0.3, 0.1)
    language, network = load_language(tmp_path / "model" / "vocabulary.json"), load_model(tmp_path / "model")
    assert likelihood_of_codes(np.zeros((2, 1), int), language, network, 2).isna().all(axis=None)
