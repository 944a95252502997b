"""The losses of both languages, by hand, and frames whose probabilities sum to one."""

import itertools
import math

import numpy as np
import pytest
import torch

from mdllm.core.errors import InputError
from mdllm.language.text.language import TextLanguage
from mdllm.language.vocabulary import Vocabulary
from mdllm.language.windows import IGNORED, Windows
from mdllm.models.training.objective import objective
from mdllm.models.training.train import collate
from models.small import random_network

CPU = torch.device("cpu")
TEXT = TextLanguage(
    residues=2,
    codebook_size=12,
    prompt=np.array([20, 21, 22]),
    digits=np.arange(10),
    separator=10,
    line_break=11,
    size=24,
)
CODES = Vocabulary.shared(np.array([3, 1, 7]), residues=2, size=9)


def test_text_loss_by_hand():
    """Every token competes; labels count one position later than the logits that predict them."""
    logits = torch.zeros(1, 4, 24)
    logits[0, 1, 5] = math.log(24)  # e^logit = 24, beside 23 ones
    labels = torch.tensor([[IGNORED, IGNORED, 5, 10]])
    expected = [-math.log(24 / 47), math.log(24)]
    aim = objective(TEXT, CPU)
    assert aim.loss(logits, labels, None).item() == pytest.approx(sum(expected) / 2, abs=1e-6)
    assert aim.loss(logits, labels, 8).item() == pytest.approx(sum(expected) / 8, abs=1e-6)


def test_last_frame_of_text_by_hand():
    """The frame "1 7" among the frames of two numbers below 12, with equal logits of all tokens."""
    tokens, _ = TEXT.window(np.array([[11, 0], [1, 7]]))
    labels = np.where(np.arange(len(tokens)) < len(tokens) - 4, IGNORED, tokens)
    log_p = objective(TEXT, CPU).judged(torch.zeros(1, len(tokens), 24), torch.as_tensor(labels)[None])
    first_code = math.log(1 / 10) + math.log(1 / 3)  # then 0, 1 or the end
    second_code = math.log(1 / 10) + math.log(1)  # 70 and more are too large
    assert log_p.tolist() == pytest.approx([(first_code + second_code) / 2])


def test_each_symbol_of_text_is_judged_by_the_logits_before_it():
    tokens, _ = TEXT.window(np.array([[11, 0], [1, 7]]))
    labels = np.where(np.arange(len(tokens)) < len(tokens) - 4, IGNORED, tokens)
    logits = torch.zeros(1, len(tokens), 24)
    logits[0, -5, 1] = math.log(10)  # of the first symbol: ten times as likely as each of nine other digits
    logits[0, -6, 1] = logits[0, -1, 1] = 5.0
    log_p = objective(TEXT, CPU).judged(logits, torch.as_tensor(labels)[None])
    first_code = math.log(10 / 19) + math.log(1 / 3)
    assert log_p.tolist() == pytest.approx([(first_code + math.log(1 / 10)) / 2])


def test_codes_are_learned_and_judged_by_the_logits_before_them():
    """The last of three frames of the codes 3, 1 and 7; other tokens do not compete."""
    logits = torch.zeros(1, 6, 9)
    logits[0, 3, 1], logits[0, 4, 7] = math.log(4), math.log(2)
    logits[0, 2, 1] = logits[0, 5, 7] = logits[0, :, 8] = 5.0
    labels = torch.tensor([[IGNORED, IGNORED, IGNORED, IGNORED, 1, 7]])
    expected = [math.log(4 / 6), math.log(2 / 4)]
    aim = objective(CODES, CPU)
    assert aim.judged(logits, labels).flatten().tolist() == pytest.approx(expected)
    assert aim.loss(logits, labels, None).item() == pytest.approx(-sum(expected) / 2)
    assert aim.loss(logits, labels, 8).item() == pytest.approx(-sum(expected) / 8)


def test_text_is_judged_by_one_frame():
    with pytest.raises(
        InputError, match=r"^language\.judged_frames: text is judged by the last frame of a window; set it to 1$"
    ):
        objective(TEXT, CPU, judged_frames=2)


@pytest.mark.parametrize("language", [TEXT, CODES], ids=["text", "codes"])
def test_probabilities_of_all_frames_sum_to_one(language):
    """Every frame that there is, each scored as validation does."""
    model, aim = random_network(language.size), objective(language, CPU)
    frames = itertools.product(range(language.codebook_size), repeat=2)
    codes = np.array([[[5 % language.codebook_size, 1], frame] for frame in frames])
    windows = [Windows(pair, language, 1, np.array([0]), "last", False)[0] for pair in codes]
    batch = collate(windows)
    with torch.no_grad():
        log_p = aim.judged(model(batch["input_ids"]).logits, batch["labels"])
    per_frame = log_p.reshape(len(codes), -1).mean(1) * language.residues
    assert per_frame.exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_filling_up_a_batch_changes_no_loss():
    """Text windows of different lengths, alone and side by side."""
    codes = np.array([[0, 1], [2, 3], [11, 10], [10, 11]])
    windows = list(Windows(codes, TEXT, 1, np.array([0, 2]), "all", False))
    assert len({len(window["input_ids"]) for window in windows}) == 2
    model, aim = random_network(TEXT.size), objective(TEXT, CPU)

    def losses(batch):
        with torch.no_grad():
            logits = model(batch["input_ids"]).logits
        return aim.loss(logits, batch["labels"], 1).item(), aim.judged(logits, batch["labels"]).sum().item()

    together = losses(collate(windows))
    alone = [losses(collate([window])) for window in windows]
    assert together == pytest.approx(np.sum(alone, axis=0), abs=1e-4)


def test_text_loss_is_that_of_transformers():
    codes = np.array([[0, 11], [2, 3]])
    batch = collate([Windows(codes, TEXT, 1, np.array([0]), "all", False)[0]])
    output = random_network(TEXT.size)(batch["input_ids"], labels=batch["labels"])
    torch.testing.assert_close(objective(TEXT, CPU).loss(output.logits, batch["labels"], None), output.loss)
