"""Rollout in text: every draw follows the grammar, and the likelihood is that of the plain forward pass."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from mdllm.config.settings.stages import RolloutSettings
from mdllm.language.text.language import TextLanguage
from mdllm.language.windows import Windows
from mdllm.models.rollout import sampling
from mdllm.models.rollout.sampling import frame_uniforms
from mdllm.models.rollout.text_generation import TextFrameGenerator
from mdllm.models.training.objective import objective
from mdllm.models.training.train import collate
from models.small import random_network

OPEN = RolloutSettings(top_k=100, top_p=1.0)
N = 2


def language(residues, codebook_size):
    ids = np.arange(40)
    return TextLanguage(
        residues, codebook_size, prompt=ids[20:25], digits=ids[3:13], separator=1, line_break=2, size=40
    )


@pytest.fixture(scope="module")
def network():
    return random_network(40)


def contexts(replicas, text):
    """Contexts of different lengths in tokens."""
    return np.random.default_rng(0).integers(0, text.codebook_size, (replicas, N, text.residues))


@pytest.mark.parametrize("codebook_size", [2, 10, 12, 256])
@pytest.mark.parametrize("settings", [OPEN, RolloutSettings(top_k=3, top_p=0.6, temperature=2.0)])
def test_the_tokens_that_are_drawn_are_well_formed_frames(network, codebook_size, settings, monkeypatch):
    """What goes into the model, token by token, decodes to the codes that come out, for every replica and frame."""
    text = language(5, codebook_size)
    generator = TextFrameGenerator(network, text, N, settings)
    fed = []
    step = generator.step
    monkeypatch.setattr(generator, "step", lambda tokens: fed.append(tokens) or step(tokens))
    context = contexts(8, text)
    for frame in range(3):
        fed.clear()
        made = generator.next_frame(context, frame_uniforms(0, np.arange(8), frame, generator.draws))
        for codes, row in zip(made.codes, np.array(fed).T, strict=True):
            length = len(text.spell(codes).symbols)
            assert text.decode(np.append(row[: length - 1], text.line_break)).tolist() == [codes.tolist()]
        context = np.concatenate([context[:, 1:], made.codes[:, None]], axis=1)


def test_each_replica_may_have_a_temperature_of_its_own(network):
    """At 1 nothing changes; elsewhere the entropy is that of the tempered conditional, and likelihoods are of 1."""
    text = language(5, 256)
    context, uniforms = contexts(6, text), frame_uniforms(1, np.arange(6), 0, 5 * text.longest_code)
    generator = TextFrameGenerator(network, text, N, OPEN)
    plain, made = (generator.next_frame(context, uniforms, of) for of in (None, np.array([1.0, 1, 1, 0.5, 2, 2])))
    assert np.array_equal(made.codes[:3], plain.codes[:3])
    np.testing.assert_allclose(made.tempered_entropy[:3], plain.entropy[:3], rtol=1e-6)
    assert (made.entropy[:3] == plain.entropy[:3]).all()
    assert made.tempered_entropy[3] < made.entropy[3]
    assert (made.tempered_entropy[4:] > made.entropy[4:]).all()
    assert plain.temperature is None
    hot = TextFrameGenerator(network, text, N, RolloutSettings(top_k=100, top_p=1.0, temperature=2.0))
    expected = hot.next_frame(context, uniforms)
    assert np.array_equal(made.codes[4:], expected.codes[4:])
    assert (made.log_likelihood[4:] == expected.log_likelihood[4:]).all()


def test_likelihood_is_that_of_the_plain_forward_pass(network):
    """Without cache and filling up, as validation computes it; top-k and top-p must not enter."""
    text = language(5, 256)
    context = contexts(6, text)
    assert len({len(text.window(frames)[0]) for frames in context}) > 1
    generator = TextFrameGenerator(network, text, N, RolloutSettings(top_k=4, top_p=0.8))
    aim = objective(text, torch.device("cpu"))
    for frame in range(2):  # the second frame finds the cache used
        made = generator.next_frame(context, frame_uniforms(1, np.arange(6), frame, generator.draws))
        for replica in range(6):
            frames = np.concatenate([context[replica], made.codes[replica][None]])
            batch = collate([Windows(frames, text, N, np.array([0]), "last", False)[0]])
            with torch.no_grad():
                expected = aim.judged(network(batch["input_ids"]).logits, batch["labels"]).item() * 5
            assert made.log_likelihood[replica] == pytest.approx(expected, abs=1e-3)
        context = np.concatenate([context[:, 1:], made.codes[:, None]], axis=1)


def test_drawn_codes_follow_the_models_distribution(network):
    """One residue, so that every frame's probability can be had by asking for it."""
    text, replicas = language(1, 12), 3000
    context = np.repeat(contexts(1, text), replicas, axis=0)
    generator = TextFrameGenerator(network, text, N, OPEN)
    made = generator.next_frame(context, frame_uniforms(2, np.arange(replicas), 0, generator.draws))
    windows = [
        Windows(np.concatenate([context[0], [[code]]]), text, N, np.array([0]), "last", False)[0] for code in range(12)
    ]
    batch = collate(windows)
    with torch.no_grad():
        log_p = objective(text, torch.device("cpu")).judged(network(batch["input_ids"]).logits, batch["labels"])
    expected = log_p.exp().numpy() * replicas
    kept = expected > 5
    counts = np.bincount(made.codes[:, 0], minlength=12)
    observed, wanted = np.append(counts[kept], counts[~kept].sum()), np.append(expected[kept], expected[~kept].sum())
    assert chisquare(observed[wanted > 0], wanted[wanted > 0]).pvalue > 1e-3


def test_the_papers_sampler_reaches_the_draws(network, monkeypatch):
    seen = []
    original = sampling.truncated_probabilities
    monkeypatch.setattr(sampling, "truncated_probabilities", lambda *given: seen.append(given[1:]) or original(*given))
    text = language(2, 12)
    generator = TextFrameGenerator(
        network, text, N, RolloutSettings(temperature=0.7, top_k=6, top_p=0.8, epsilon_cutoff=0.01)
    )
    generator.next_frame(contexts(2, text), frame_uniforms(0, np.arange(2), 0, generator.draws))
    assert set(seen) == {(0.7, 6, 0.8, 0.01)}
