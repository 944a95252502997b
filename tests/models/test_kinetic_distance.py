"""Kinetic distances by hand: counted jumps, two codes, codes that exchange by way of a third, a model's own numbers."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from mdllm.config.settings.stages import LanguageSettings, TrainingSettings
from mdllm.core.errors import InputError
from mdllm.core.records import write_npz
from mdllm.language.series import CodeSeries
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import build_model
from mdllm.models.diagnostics import kinetic_distance as of
from mdllm.models.settings import NanoGptSettings
from mdllm.models.training.train import train

IDS = torch.arange(4)
# A chain of three codes in which 0 and 2 exchange by way of 1 alone, as counted jumps: from 0, from 1, from 2.
JUMPS = np.array([[8, 2, 0], [2, 4, 2], [0, 2, 8]])


@pytest.fixture(params=["llama", "gpt2"])
def network(request):
    torch.manual_seed(0)
    settings = NanoGptSettings(name="nanogpt", decoder=request.param, hidden_size=16, heads=2)
    return build_model(settings, Vocabulary.from_scratch(1, 4), 9).eval()


def test_jumps_are_counted_within_stretches_only():
    codes = np.array([0, 0, 1, 2, 1, 0])[:, None]
    series = CodeSeries(codes, np.array([0, 1, 2, 3, 7, 8]), np.array([0, 0, 0, 1, 1, 1]), 4)
    expected = np.zeros((4, 4), int)
    expected[[0, 0, 1], [0, 1, 0]] = 1  # 1 -> 2 is a border of segments, 2 -> 1 a gap
    assert of.counted_jumps(series).tolist() == expected.tolist()
    with pytest.raises(InputError, match="no two frames follow one another"):
        of.counted_jumps(CodeSeries(codes[:2], np.array([0, 1]), np.array([0, 1]), 4))
    with pytest.raises(InputError, match="frames have several codes"):
        of.counted_jumps(CodeSeries(np.zeros((6, 2), int), np.arange(6), np.zeros(6, int), 4))


def test_of_md_it_is_the_frames_over_the_jumps_in_both_directions():
    leaving = JUMPS.sum(1)
    time = of.distance(leaving / leaving.sum(), JUMPS / leaving[:, None])
    assert time[0, 1] == time[1, 0] == pytest.approx(28 / 4)
    assert np.isnan(time[0, 2])


def test_commute_times_by_hand():
    """From 1 an end is left with 1/4 each, from an end the middle is reached with 1/5."""
    time = of.commute_times(JUMPS)
    out, back = 5.0, 14.0  # h(1) = 1 + h(1) / 2 + h(2) / 4 and h(2) = 5 + h(1), of the time to 0: h(1) = 9, h(2) = 14
    assert time[0, 1] == pytest.approx(out + 9)
    assert time[0, 2] == pytest.approx(2 * back)
    alone = np.zeros((4, 4), int)
    alone[:3, :3] = JUMPS
    assert np.isnan(of.commute_times(alone)[0, 3])
    np.testing.assert_allclose(of.commute_times(alone)[:3, :3], time)


def test_between_two_codes_the_commute_time_is_twice_the_distance():
    jumps = np.array([[90, 10], [10, 40]])
    leaving = jumps.sum(1)
    time = of.distance(leaving / leaving.sum(), jumps / leaving[:, None])[0, 1]
    assert time == pytest.approx(7.5)
    assert of.commute_times(jumps)[0, 1] == pytest.approx(1 / 0.1 + 1 / 0.2) == pytest.approx(2 * time)


def test_predictions_are_those_after_one_frame(network):
    p = of.predicted(network, IDS)
    for code in range(4):
        logits = network(torch.tensor([[code]])).logits[0, -1].double()
        np.testing.assert_allclose(p[code], logits.softmax(-1).detach().numpy(), rtol=1e-5)


def test_output_embeddings_are_the_slopes_of_the_logits(network):
    """By finite differences of the logit of a code around its own embedding."""
    weights, step = network.get_input_embeddings().weight.detach(), 3e-3
    outputs = torch.zeros(4, 16)
    for code in range(4):
        for channel in range(16):
            ends = []
            for sign in (1, -1):
                at = weights[code].clone()
                at[channel] += sign * step
                ends.append(network(inputs_embeds=at[None, None]).logits[0, -1, code].item())
            outputs[code, channel] = (ends[0] - ends[1]) / (2 * step)
    expected = (weights @ outputs.T).softmax(-1).numpy()
    np.testing.assert_allclose(of.linearized(network, IDS), expected, atol=5e-4)


def test_embeddings_alone_are_the_products_with_the_output_matrix(network):
    weights = network.get_input_embeddings().weight.detach().numpy()
    expected = np.exp(weights @ weights.T)  # tied: the output matrix is that of the embeddings
    np.testing.assert_allclose(of.of_embeddings(network, IDS), expected / expected.sum(1, keepdims=True), rtol=1e-4)


@pytest.mark.slow
def test_a_trained_model_has_the_distances_of_its_chain(tmp_path):
    """Four wells as in the model potential: two pairs that exchange fast, and slowly between the pairs."""
    p = np.array([[0.9, 0.08, 0.02, 0], [0.08, 0.9, 0, 0.02], [0.02, 0, 0.9, 0.08], [0, 0.02, 0.08, 0.9]])
    rng, codes = np.random.default_rng(0), np.zeros(6000, int)
    for frame in range(1, len(codes)):
        codes[frame] = rng.choice(4, p=p[codes[frame - 1]])
    arrays = {"codes": codes[:, None], "frame": np.arange(6000), "segment": np.zeros(6000, int)}
    write_npz(tmp_path / "codes.npz", **arrays, codebook_size=np.int32(4), interval_ps=np.float64(20))
    pd.DataFrame({"code": range(4), "state": list("ABCD")}).to_csv(tmp_path / "codebook.csv", index=False)
    language = LanguageSettings(context_frames=4)
    training = TrainingSettings(
        batch_size=64, max_steps=150, evaluate_every=50, learning_rate=0.01, validation_windows=200
    )
    model = NanoGptSettings(name="nanogpt", hidden_size=16, heads=2, blocks=1)
    train(tmp_path / "codes.npz", language, model, training, 0, tmp_path, tmp_path / "work", 1)
    files = [tmp_path / name for name in ("codes.npz", "codebook.csv", "model", "pairs.csv", "agreement.csv")]
    of.kinetic_distances(*files)
    written = pd.read_csv(files[3])
    md = written[(written["source"] == "md") & written["time_ps"].notna()]
    np.testing.assert_allclose(md["jumps"] * md["time_ps"], 5999 * 20)
    pairs = written.set_index(["source", "state_1", "state_2"])["time_ps"]
    # each holds a quarter of the frames: 1 / (0.25 * 0.08 * 2) = 25 and 1 / (0.25 * 0.02 * 2) = 100 frames of 20 ps
    for first, second, expected in (("A", "B", 500), ("C", "D", 500), ("A", "C", 2000), ("B", "D", 2000)):
        assert pairs["md", first, second] == pytest.approx(expected, rel=0.25)
        assert pairs["model", first, second] == pytest.approx(expected, rel=0.4)
    assert np.isnan(pairs["md", "A", "D"])
    table = pd.read_csv(files[4]).set_index("source")
    assert list(table.index) == ["md_commute", "model", "linearized", "embeddings"]
    assert set(table["pairs"]) == {4}
    assert table.loc["model", "median_ratio"] == pytest.approx(1, abs=0.2)
    assert json.loads((tmp_path / "model" / "training.json").read_text())["validation_loss"] < 0.5
