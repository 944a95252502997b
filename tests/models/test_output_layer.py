"""The output layer after training: at the optimum, found independently as well, and nothing else changed."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import softmax

from mdllm.config.reading import validate
from mdllm.config.settings.stages import LanguageSettings, StageSettings, TrainingSettings
from mdllm.core.errors import InputError
from mdllm.core.records import read_json, write_npz
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import build_model, load_model
from mdllm.models.likelihood import code_log_probabilities
from mdllm.models.settings import LstmSettings, MistralSettings, NanoGptSettings
from mdllm.models.training import output_layer
from mdllm.models.training.output_layer import refit
from mdllm.models.training.train import train

pytestmark = pytest.mark.slow

MODELS = {
    "nanogpt": NanoGptSettings(name="nanogpt", hidden_size=16, heads=2),
    "nanogpt of gpt2": NanoGptSettings(name="nanogpt", decoder="gpt2", hidden_size=16, heads=2),
    "lstm": LstmSettings(name="lstm", hidden_size=12),
    "mistral": MistralSettings(layers=1, hidden_size=16, heads=2, key_value_heads=2, intermediate_size=16),
}
CODES, FRAMES, JUDGED = 4, 9, 5


def chains(windows: int, residues: int) -> np.ndarray:
    """Codes (W, F, L) that stay with probability 0.7; the last of the codebook never comes."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, CODES - 1, (windows, FRAMES, residues))
    for frame in range(1, FRAMES):
        stays = rng.random((windows, residues)) < 0.7
        codes[:, frame] = np.where(stays, codes[:, frame - 1], codes[:, frame])
    return codes


def network(name: str, residues: int):
    torch.manual_seed(0)
    vocabulary = Vocabulary.from_scratch(residues, CODES)
    return build_model(MODELS[name], vocabulary, FRAMES * residues).eval(), vocabulary


def judged(model, vocabulary: Vocabulary, tokens: torch.Tensor, residue: int) -> torch.Tensor:
    """Probabilities (W, JUDGED, K) of the codes of a residue in the judged frames."""
    positions = torch.arange(FRAMES - JUDGED, FRAMES) * vocabulary.residues + residue - 1
    with torch.no_grad():
        logits = model(tokens).logits[:, positions]
    return code_log_probabilities(logits, torch.as_tensor(vocabulary.ids[residue])).exp()


def nats(model, vocabulary: Vocabulary, codes: np.ndarray) -> float:
    """Mean negative log-probability of the judged codes of windows (W, F, L)."""
    tokens = torch.as_tensor(vocabulary.encode(codes))
    found = []
    for residue in range(vocabulary.residues):
        probabilities = judged(model, vocabulary, tokens, residue).numpy()
        found.append(-np.log(np.take_along_axis(probabilities, codes[:, -JUDGED:, residue, None], -1)))
    return np.mean(found)


@pytest.mark.parametrize("residues", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_the_loss_falls_and_only_the_output_layer_changes(name, residues):
    model, vocabulary = network(name, residues)
    codes = chains(200, residues)
    tokens = torch.as_tensor(vocabulary.encode(codes))
    output = model.get_output_embeddings()
    others = {key: value.clone() for key, value in model.state_dict().items()}
    before, after = refit(model, vocabulary, tokens, JUDGED, 50)
    assert after < before
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, others[key])}
    own = {key for key, value in model.state_dict().items() if value.data_ptr() == output.weight.data_ptr()}
    assert own <= changed <= own | {"output.bias"}
    assert len(own) == 1
    nats = [
        -np.log(
            np.take_along_axis(judged(model, vocabulary, tokens, r).numpy(), codes[:, -JUDGED:, r, None], -1)
        ).mean()
        for r in range(residues)
    ]
    assert after == pytest.approx(np.mean(nats), abs=1e-5)


def test_codes_are_expected_as_often_as_they_follow():
    """With a bias this holds for each code over all frames; the pull towards the first weights is of order 1 / n."""
    model, vocabulary = network("lstm", 2)
    codes = chains(400, 2)
    tokens = torch.as_tensor(vocabulary.encode(codes))
    refit(model, vocabulary, tokens, JUDGED, 200)
    for residue in range(2):
        expected = judged(model, vocabulary, tokens, residue).sum((0, 1)).numpy()
        np.testing.assert_allclose(expected, np.bincount(codes[:, -JUDGED:, residue].ravel(), minlength=CODES), atol=5)


def test_the_optimum_is_that_of_an_independent_minimizer():
    model, vocabulary = network("nanogpt", 1)
    codes = chains(200, 1)
    tokens = torch.as_tensor(vocabulary.encode(codes))
    with torch.no_grad():
        hidden = model.base_model(tokens).last_hidden_state[:, -JUDGED - 1 : -1].flatten(0, 1).double().numpy()
    start = model.get_output_embeddings().weight.detach().double().numpy()
    following = codes[:, -JUDGED:, 0].ravel()
    factor = np.linalg.cholesky(hidden.T @ hidden / len(hidden))

    def loss(flat):
        rows = flat.reshape(start.shape)
        logits = hidden @ rows.T
        nats = np.logaddexp.reduce(logits, 1) - logits[np.arange(len(hidden)), following]
        return nats.mean() + (((rows - start) @ factor) ** 2).sum() / (2 * len(hidden))

    best = minimize(loss, start.ravel(), method="L-BFGS-B", options={"maxiter": 2000, "maxfun": 10**6}).x
    refit(model, vocabulary, tokens, JUDGED, 300)
    probabilities = judged(model, vocabulary, tokens, 0).flatten(0, 1).numpy()
    np.testing.assert_allclose(probabilities, softmax(hidden @ best.reshape(start.shape).T, axis=1), atol=2e-3)


def test_a_code_that_never_follows_keeps_finite_weights():
    model, vocabulary = network("nanogpt", 1)
    tokens = torch.as_tensor(vocabulary.encode(chains(300, 1)))
    refit(model, vocabulary, tokens, JUDGED, 500)
    probability = judged(model, vocabulary, tokens, 0)[..., -1]
    assert model.get_output_embeddings().weight.abs().max() < 100
    assert 0 < probability.mean() < 1e-2


@pytest.mark.parametrize("name", ["nanogpt", "lstm"])
@pytest.mark.parametrize("most_windows", [None, 20])
def test_what_is_saved_is_what_is_reported(name, most_windows, tmp_path, monkeypatch):
    windows_seen = []
    monkeypatch.setattr(
        output_layer,
        "refit",
        lambda m, v, tokens, *rest: windows_seen.append(len(tokens)) or refit(m, v, tokens, *rest),
    )
    if most_windows:
        hidden_size = MODELS[name].hidden_size
        monkeypatch.setattr(output_layer, "_MOST_VALUES", most_windows * JUDGED * 2 * hidden_size)
    codes = chains(60, 2).reshape(-1, 2)
    write_npz(
        tmp_path / "codes.npz",
        codes=codes.astype(np.int32),
        frame=np.arange(len(codes)),
        segment=np.zeros(len(codes), np.int32),
        codebook_size=np.int32(CODES),
    )
    language = LanguageSettings(context_frames=FRAMES - 1, judged_frames=JUDGED)
    training = TrainingSettings(max_steps=4, evaluate_every=2, batch_size=16, output_refit=30)
    report = train(tmp_path / "codes.npz", language, MODELS[name], training, 0, tmp_path, tmp_path / "work", 1)
    assert report == read_json(tmp_path / "model" / "training.json")
    assert report["training_loss_after_refit"] < report["training_loss_before_refit"]
    every = 2 * len(range(0, report["training_frames"] - FRAMES + 1, JUDGED))  # both directions of time
    assert windows_seen == [every] if most_windows is None else 10 <= windows_seen[0] <= most_windows < every
    model, vocabulary = load_model(tmp_path / "model"), Vocabulary.load(tmp_path / "model" / "vocabulary.json")
    assert report["parameters"] == model.num_parameters()
    first = len(codes) - round(0.15 * len(codes))
    windows = np.lib.stride_tricks.sliding_window_view(codes[first:], FRAMES, axis=0).transpose(0, 2, 1)
    assert report["validation_loss"] == pytest.approx(nats(model, vocabulary, windows), abs=1e-5)


def test_a_pretrained_model_keeps_its_output_layer():
    content = {"model": {"name": "pretrained", "base": "mistral"}, "training": {"output_refit": 10}}
    with pytest.raises(InputError, match=r"training\.output_refit: a pretrained model keeps its output layer"):
        validate(StageSettings, content, "variants.main")
