"""Improbable codes: a calibrated model draws them as often as MD has them, a smoothed one draws what MD never has."""

import numpy as np
import pytest

from mdllm.config.settings.stages import LanguageSettings, TrainingSettings
from mdllm.core.errors import InputError
from mdllm.core.records import write_npz
from mdllm.models.base import load_model
from mdllm.models.diagnostics.improbable import improbable
from mdllm.models.settings import MarkovSettings
from mdllm.models.training.train import train

STEPS, SHARES = (-1, 0, 1), (0.04, 0.92, 0.04)  # around a ring of four codes: to the opposite one none goes
LANGUAGE = LanguageSettings(context_frames=4, time_reversed=False)


@pytest.fixture
def trained(tmp_path):
    """Codes of a chain, and the folder of its Markov model."""
    moves = np.random.default_rng(0).choice(STEPS, 8000, p=SHARES)
    codes = np.cumsum(moves)[:, None] % 4
    path = tmp_path / "codes.npz"
    write_npz(path, codes=codes, frame=np.arange(8000), segment=np.zeros(8000, int), codebook_size=np.int32(4))

    def fit(lag: int = 1):
        training = TrainingSettings(validation_share=0.5)
        train(path, LANGUAGE, MarkovSettings(name="markov", lag=lag), training, 0, tmp_path, tmp_path / "work", 1)
        return path, tmp_path / "model"

    return fit


def test_a_calibrated_model_draws_improbable_codes_as_often_as_md_has_them(trained):
    rare, all_codes = improbable(*trained(), cutoffs=(0.1, 1.1)).to_dict("records")
    assert rare["share_in_md"] == pytest.approx(0.08, abs=0.015)
    assert rare["share_drawn"] == pytest.approx(rare["share_in_md"], abs=0.015)
    assert all_codes["share_drawn"] == pytest.approx(1)
    assert all_codes["share_in_md"] == 1


def test_a_smoothed_model_draws_codes_that_never_follow_in_md(trained):
    path, folder = trained()
    model = load_model(folder)
    model.log_transition.data.copy_((0.98 * model.log_transition.exp() + 0.02 / 4).log())
    model.save_pretrained(folder)
    (row,) = improbable(path, folder, cutoffs=(0.01,)).to_dict("records")
    assert row["share_drawn"] == pytest.approx(0.005, abs=1e-4)
    assert row["share_in_md"] == 0


def test_a_model_that_advances_by_several_frames_is_refused(trained):
    with pytest.raises(InputError, match="only of models of codes, frame by frame"):
        improbable(*trained(lag=2))
