"""What a model says about codes, against values computed by hand."""

import math

import numpy as np
import pytest
import torch

from mdllm.language.vocabulary import Vocabulary
from mdllm.language.windows import IGNORED
from mdllm.models.base import build_model
from mdllm.models.likelihood import code_log_probabilities, token_log_probabilities, window_loss
from models.small import MODEL


def test_only_codes_have_a_probability():
    logits = torch.tensor([[9.0, 1.0, 8.0, 2.0, 0.0]])
    log_p = code_log_probabilities(logits, torch.tensor([3, 1]))
    np.testing.assert_allclose(log_p[0].exp(), np.exp([2, 1]) / np.exp([2, 1]).sum(), rtol=1e-6)


def test_each_token_competes_with_those_of_its_own_position():
    logits = torch.randn(3, 2, 9, generator=torch.Generator().manual_seed(2))
    ids = torch.tensor([[4, 0, 7], [1, 2, 3]])
    codes = torch.tensor([[0, 1], [2, 2], [1, 0]])
    tokens = torch.stack([ids[0, codes[:, 0]], ids[1, codes[:, 1]]], dim=1)
    result = token_log_probabilities(logits, tokens, ids)
    for residue in range(2):
        expected = code_log_probabilities(logits[:, residue], ids[residue])
        torch.testing.assert_close(result[:, residue], expected[torch.arange(3), codes[:, residue]])


def test_window_loss_by_hand():
    """Two frames of two residues, each label judged by the logits one position earlier, the ignored ones left out."""
    ids = torch.tensor([[0, 1], [2, 3]])
    labels = torch.tensor([[0, IGNORED, 1, 2]])
    logits = torch.tensor([[[7.0, 7, 7, 7, 7], [1, 2, 7, 7, 7], [7, 7, 3, 1, 7], [7, 7, 7, 7, 7]]])
    of_third = math.log(math.exp(1) + math.exp(2)) - 2
    of_fourth = math.log(math.exp(3) + math.exp(1)) - 3
    assert window_loss(logits, labels, ids).item() == pytest.approx((of_third + of_fourth) / 2, abs=1e-6)
    assert window_loss(logits, labels, ids, counted=8).item() == pytest.approx((of_third + of_fourth) / 8, abs=1e-6)


def test_loss_over_all_ids_is_that_of_transformers():
    """Where every id may stand at every position, nothing is left of the restriction."""
    everything = Vocabulary(np.tile(np.arange(7), (2, 1)), 7)
    network = build_model(MODEL, everything, positions=6).eval()
    tokens = torch.randint(0, 7, (3, 6), generator=torch.Generator().manual_seed(3))
    labels = tokens.clone()
    labels[:, :2] = IGNORED
    output = network(tokens, labels=labels)
    torch.testing.assert_close(window_loss(output.logits, labels, torch.as_tensor(everything.ids)), output.loss)
