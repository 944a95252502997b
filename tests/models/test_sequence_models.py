"""nano-GPT, LSTM and Markov model behind the one interface: cache against no cache, save and load, any tokenizer."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mdllm.config.settings.stages import LanguageSettings, RolloutSettings, TrainingSettings
from mdllm.core.errors import InputError
from mdllm.core.records import write_npz
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import build_model, load_model, new_cache
from mdllm.models.rollout.run import rollout
from mdllm.models.settings import LstmSettings, MarkovSettings, NanoGptSettings
from mdllm.models.training.train import train

MODELS = {
    "nanogpt": NanoGptSettings(name="nanogpt", hidden_size=16, heads=2),
    "nanogpt of gpt2": NanoGptSettings(name="nanogpt", decoder="gpt2", hidden_size=16, heads=2),
    "lstm": LstmSettings(name="lstm", hidden_size=16),
    "markov": MarkovSettings(name="markov"),
}
LANGUAGE = LanguageSettings(context_frames=8, judged_frames=4, time_reversed=False)
TRAINING = TrainingSettings(max_steps=6, evaluate_every=3, batch_size=16, validation_windows=20)


def chain(frames: int, residues: int, seed: int = 0) -> np.ndarray:
    """Codes (F, L) in 3 states that stay with probability 0.9."""
    rng = np.random.default_rng(seed)
    codes = np.zeros((frames, residues), np.int32)
    for frame in range(1, frames):
        moves = rng.random(residues) < 0.1
        codes[frame] = np.where(moves, rng.integers(0, 3, residues), codes[frame - 1])
    return codes


@pytest.fixture(params=[1, 2], ids=["one code per frame", "two codes per frame"])
def codes_file(request, tmp_path):
    codes = chain(600, request.param)
    path = tmp_path / "codes.npz"
    segment = np.repeat([0, 1], 300)
    write_npz(path, codes=codes, frame=np.arange(600), segment=segment, codebook_size=np.int32(3))
    return path


@pytest.mark.parametrize("name", MODELS)
def test_trained_saved_and_rolled_out_with_any_number_of_codes(name, codes_file, tmp_path):
    report = train(codes_file, LANGUAGE, MODELS[name], TRAINING, 0, tmp_path, tmp_path / "work", 1)
    assert np.isfinite(report["validation_loss"])
    assert (tmp_path / "training_log.csv").is_file()
    settings = RolloutSettings(frames=20, replicas=6, batch=3, starts="spread", keep_frames=4, checkpoint_every=5)
    arguments = (codes_file, tmp_path / "model", LANGUAGE, settings, 0)
    rollout(*arguments, tmp_path / "out.npz", tmp_path / "rollout", 1)
    made = np.load(tmp_path / "out.npz")
    assert made["codes"].shape[:2] == (6, 20)
    assert made["codes"].max() < 3
    assert np.isfinite(made["log_likelihood"]).all()
    assert np.isfinite(made["entropy"]).all()


@pytest.mark.parametrize("name", ["nanogpt", "nanogpt of gpt2", "lstm"])
def test_a_step_with_the_cache_is_the_forward_pass(name):
    torch.manual_seed(0)
    vocabulary = Vocabulary.from_scratch(2, 3)
    model = build_model(MODELS[name], vocabulary, 12).eval()
    tokens = torch.as_tensor(vocabulary.encode(chain(6, 2)[None].repeat(4, axis=0)))
    cache = new_cache(model, 12)
    with torch.inference_mode():
        whole = model(tokens).logits
        model(tokens[:, :5], past_key_values=cache, use_cache=True, logits_to_keep=1)
        for at in range(5, 12):
            step = model(tokens[:, at : at + 1], past_key_values=cache, use_cache=True, logits_to_keep=1).logits
            torch.testing.assert_close(step[:, -1], whole[:, at], atol=1e-5, rtol=1e-4)


def test_the_markov_model_generates_its_own_chain(tmp_path):
    """Long rollouts of a reversible chain: their transition frequencies are its transition matrix."""
    codes = chain(4000, 1)
    path = tmp_path / "codes.npz"
    write_npz(path, codes=codes, frame=np.arange(4000), segment=np.zeros(4000, int), codebook_size=np.int32(3))
    report = train(path, LANGUAGE, MODELS["markov"], TRAINING, 0, tmp_path, tmp_path / "work", 1)
    assert report["share_kept"] == 1.0
    transition = load_model(tmp_path / "model").log_transition.detach().exp().numpy()[0]
    assert transition.sum(1) == pytest.approx(1, abs=1e-6)
    stationary = load_model(tmp_path / "model").log_stationary.detach().exp().numpy()[0]
    flux = stationary[:, None] * transition
    assert np.allclose(flux, flux.T, atol=1e-6)
    settings = RolloutSettings(frames=2000, replicas=50, batch=50, starts="spread", top_k=3, top_p=1.0)
    rollout(path, tmp_path / "model", LANGUAGE, settings, 0, tmp_path / "out.npz", tmp_path / "r", 1)
    made = np.load(tmp_path / "out.npz")["codes"][:, :, 0]
    counts = np.zeros((3, 3))
    np.add.at(counts, (made[:, :-1].ravel(), made[:, 1:].ravel()), 1)
    assert counts / counts.sum(1, keepdims=True) == pytest.approx(transition, abs=0.01)


def test_a_markov_model_at_a_lag_says_by_how_many_frames_it_advances(tmp_path):
    path = tmp_path / "codes.npz"
    write_npz(path, codes=chain(900, 1), frame=np.arange(900), segment=np.zeros(900, int), codebook_size=np.int32(3))
    lagged = MarkovSettings(name="markov", lag=5)
    assert train(path, LANGUAGE, lagged, TRAINING, 0, tmp_path, tmp_path / "w", 1)["frames_per_step"] == 5
    with pytest.raises(InputError, match=r"model.lag: 800 frames, but the longest contiguous stretch"):
        train(path, LANGUAGE, MarkovSettings(name="markov", lag=800), TRAINING, 0, tmp_path, tmp_path / "w", 1)


def test_codes_that_are_not_connected_are_left_out_and_counted(tmp_path):
    """A third state that is never left: it is no part of the connected set, and the share kept says so."""
    codes = np.concatenate([chain(700, 1), np.full((100, 1), 3)])
    path = tmp_path / "codes.npz"
    segment = np.repeat([0, 1], [700, 100])
    write_npz(path, codes=codes, frame=np.arange(800), segment=segment, codebook_size=np.int32(4))
    training = TRAINING.model_copy(update={"validation_share": 0.06})
    report = train(path, LANGUAGE, MODELS["markov"], training, 0, tmp_path, tmp_path / "work", 1)
    assert 0.9 < report["share_kept"] < 0.96
    assert load_model(tmp_path / "model").log_transition.exp()[0, :3, 3].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("decoder", "size", "multiple"), [("gpt2", 30, "a"), ("llama", 30, "an even"), ("llama", 12, "an even")]
)
def test_sizes_that_do_not_divide_are_named(decoder, size, multiple):
    with pytest.raises(ValidationError, match=f"hidden_size {size} must be {multiple} multiple of heads 4"):
        NanoGptSettings(name="nanogpt", decoder=decoder, hidden_size=size)


def test_rotary_blocks_do_not_depend_on_where_the_window_stands():
    """The first of all differences between the two kinds: what a frame depends on is relative to it."""
    torch.manual_seed(0)
    vocabulary, tokens = Vocabulary.from_scratch(1, 3), torch.tensor([[0, 2, 1, 1, 0]])
    for name, same in (("nanogpt", True), ("nanogpt of gpt2", False)):
        model = build_model(MODELS[name], vocabulary, 12).eval()
        with torch.inference_mode():
            here, later = (model(tokens, position_ids=torch.arange(first, first + 5)[None]).logits for first in (0, 7))
        assert torch.allclose(here, later, atol=1e-5) == same
