"""Scheduled sampling: the printed share of MD tokens, what is replaced, and what the loss becomes."""

import numpy as np
import pytest
import torch

from mdllm.config.settings.stages import LanguageSettings, TrainingSettings
from mdllm.core.records import write_npz
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.settings import NanoGptSettings, ScheduledSampling
from mdllm.models.training.scheduled_sampling import drawn_tokens, mixed, replaced, share_of_md
from mdllm.models.training.train import train


def test_the_share_of_md_tokens_is_that_of_the_paper():
    """epsilon^(t (1 - k^i)) at chosen updates i and positions t."""
    settings = ScheduledSampling(epsilon=0.9, k=0.5)
    assert share_of_md(0, 4, settings).tolist() == [1, 1, 1, 1]
    assert share_of_md(1, 3, settings).tolist() == pytest.approx([1, 0.9**0.5, 0.9])
    assert share_of_md(3, 5, settings)[4].item() == pytest.approx(0.9 ** (4 * (1 - 0.125)))
    assert share_of_md(10_000, 5, settings).tolist() == pytest.approx([0.9**t for t in range(5)])


def test_replaced_positions_come_as_often_as_the_share_says():
    torch.manual_seed(0)
    share = torch.tensor([1.0, 1.0, 0.7, 0.2], dtype=torch.float64)
    chosen = replaced(20_000, share)
    assert chosen.double().mean(0).tolist() == pytest.approx([0, 0, 0.3, 0.8], abs=0.01)


def test_new_tokens_stand_where_they_are_chosen_and_only_such_windows_are_drawn():
    tokens = torch.arange(12).view(3, 4)
    chosen = torch.tensor([[0, 0, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]], dtype=bool)
    seen = []

    def draw(windows):
        seen.append(windows.tolist())
        return -windows[:, 1:]

    assert mixed(tokens, chosen, draw).tolist() == [[0, 1, -2, -3], [4, 5, 6, 7], [8, -9, 10, 11]]
    assert seen == [[[0, 1, 2, 3], [8, 9, 10, 11]]]
    assert tokens.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_nothing_chosen_draws_nothing():
    tokens = torch.arange(8).view(2, 4)
    assert mixed(tokens, torch.zeros(2, 4, dtype=bool), pytest.fail).tolist() == tokens.tolist()


def test_drawn_tokens_may_stand_where_they_stand_and_follow_the_logits():
    torch.manual_seed(0)
    vocabulary = Vocabulary.from_scratch(2, 3)
    logits = torch.zeros(5000, 4, vocabulary.size)
    logits[..., 4] = np.log(2.0)  # code 1 of residue 1
    drawn = drawn_tokens(logits, torch.as_tensor(vocabulary.ids))
    assert set(drawn[:, 0].tolist()) == {3, 4, 5}
    assert set(drawn[:, 1].tolist()) == {0, 1, 2}
    assert (drawn[:, 0] == 4).double().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.fixture
def training(tmp_path):
    codes = np.random.default_rng(0).integers(0, 3, (300, 1)).astype(np.int32)
    path = tmp_path / "codes.npz"
    write_npz(path, codes=codes, frame=np.arange(300), segment=np.zeros(300, int), codebook_size=np.int32(3))

    def losses(**sampling) -> list[float]:
        model = NanoGptSettings(
            name="nanogpt", hidden_size=16, heads=2, scheduled_sampling=ScheduledSampling(**sampling)
        )
        settings = TrainingSettings(max_steps=4, evaluate_every=4)
        folder = tmp_path / "_".join(map(str, sampling.values()))
        language = LanguageSettings(context_frames=20)
        train(path, language, model, settings, 0, folder, folder / "work", 1)
        rows = (folder / "training_log.csv").read_text().splitlines()
        column = rows[0].split(",").index("training_loss")
        return [float(row.split(",")[column]) for row in rows[1:]]

    return losses


@pytest.mark.slow
def test_two_passes_are_one_where_nothing_is_replaced(training):
    """k = 0 replaces from the second update on; epsilon next to 1 then draws, but replaces nothing."""
    once, twice = training(epsilon=1.0, k=0.0), training(epsilon=1 - 1e-15, k=0.0)
    assert once == pytest.approx(twice, rel=1e-6)
    assert training(epsilon=0.5, k=0.0)[1:] != pytest.approx(once[1:], rel=1e-4)
