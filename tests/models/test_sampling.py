"""Sampling against an independent count-and-cut implementation and against the warpers of transformers."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import EpsilonLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from mdllm.models.rollout.sampling import draw, frame_uniforms, truncated_probabilities

SETTINGS = [
    (1.0, 100, 0.95, 0.0),
    (1.0, 5, 1.0, 0.0),
    (0.7, 12, 0.8, 0.03),
    (1.6, 30, 0.5, 0.0),
    (1.0, 40, 1.0, 0.02),
    (1.0, 40, 1.0, 0.9),
    (1.0, 1, 0.9, 0.0),
    (1.0, 40, 1e-6, 0.0),
]
NAMES = ("temperature", "top_k", "top_p", "epsilon_cutoff")


def by_hand(log_p, temperature, top_k, top_p, epsilon_cutoff):
    """Code by code, in plain Python."""
    weights = {code: np.exp(value / temperature) for code, value in enumerate(log_p)}
    ranked = sorted(weights, key=lambda code: -weights[code])[:top_k]
    total = sum(weights[code] for code in ranked)
    kept, reached = [], 0.0
    for code in ranked:
        if reached >= top_p:
            break
        kept.append(code)
        reached += weights[code] / total
    total = sum(weights[code] for code in kept)
    kept = [code for code in kept if weights[code] / total >= epsilon_cutoff] or kept[:1]
    total = sum(weights[code] for code in kept)
    return np.array([weights[code] / total if code in kept else 0.0 for code in range(len(log_p))])


def by_transformers(log_p, temperature, top_k, top_p, epsilon_cutoff):
    scores = TemperatureLogitsWarper(temperature)(None, log_p)
    scores = TopKLogitsWarper(top_k)(None, scores)
    scores = TopPLogitsWarper(top_p)(None, scores)
    if epsilon_cutoff:
        scores = EpsilonLogitsWarper(epsilon_cutoff)(None, scores)
    return scores.softmax(-1)


@pytest.mark.parametrize(NAMES, SETTINGS)
def test_probabilities_agree_with_two_independent_implementations(temperature, top_k, top_p, epsilon_cutoff):
    log_p = (3 * torch.randn(20, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).log_softmax(-1)
    probabilities = truncated_probabilities(log_p, temperature, top_k, top_p, epsilon_cutoff)
    np.testing.assert_allclose(
        probabilities, [by_hand(row, temperature, top_k, top_p, epsilon_cutoff) for row in log_p.numpy()], atol=1e-12
    )
    torch.testing.assert_close(
        probabilities, by_transformers(log_p, temperature, top_k, top_p, epsilon_cutoff), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize(NAMES, SETTINGS[:5])
def test_drawn_frequencies_follow_the_probabilities(temperature, top_k, top_p, epsilon_cutoff):
    log_p = (2 * torch.randn(1, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).log_softmax(-1)
    draws = 20_000
    uniforms = frame_uniforms(7, np.arange(draws), 3, 1)[:, 0]
    codes = draw(
        truncated_probabilities(log_p, temperature, top_k, top_p, epsilon_cutoff).expand(draws, -1),
        torch.as_tensor(uniforms),
    )
    expected = by_transformers(log_p, temperature, top_k, top_p, epsilon_cutoff)[0].numpy() * draws
    counts = np.bincount(codes.numpy(), minlength=12)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    if possible.sum() > 1:
        assert chisquare(counts[possible], expected[possible]).pvalue > 1e-3


def test_impossible_codes_are_not_drawn_at_the_ends_of_the_unit_interval():
    probabilities = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0]], dtype=torch.float64).expand(4, -1)
    uniforms = torch.tensor([0.0, 0.2999, 0.3, np.nextafter(1.0, 0.0)], dtype=torch.float64)
    assert draw(probabilities, uniforms).tolist() == [1, 1, 3, 3]


def test_uniforms_depend_on_seed_replica_and_frame_alone():
    together = frame_uniforms(1, np.arange(4), 6, 5)
    np.testing.assert_array_equal(together[2:3], frame_uniforms(1, np.array([2]), 6, 5))
    others = [frame_uniforms(1, np.arange(4), 7, 5), frame_uniforms(2, np.arange(4), 6, 5), together[[1, 2, 3, 0]]]
    assert all(np.abs(together - other).min() > 0 for other in others)
