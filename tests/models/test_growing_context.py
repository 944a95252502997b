"""Contexts that grow and are cut back: the conditional that was trained, the same after an interruption, any batch."""

import numpy as np
import pytest
import torch

from mdllm.config.settings.stages import LanguageSettings, RolloutSettings
from mdllm.core.errors import InputError
from mdllm.core.records import write_npz
from mdllm.language.series import CodeSeries
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import build_model, keep_kind
from mdllm.models.rollout.generation import FrameGenerator, frame_generator
from mdllm.models.rollout.run import rollout, start_frames
from mdllm.models.rollout.sampling import FrameUniforms, frame_uniforms
from mdllm.models.settings import LstmSettings, NanoGptSettings

N, K = 6, 4
VOCABULARY = Vocabulary.from_scratch(1, K)
MODELS = {
    "nanogpt": NanoGptSettings(name="nanogpt", hidden_size=16, heads=2),
    "nanogpt of gpt2": NanoGptSettings(name="nanogpt", decoder="gpt2", hidden_size=16, heads=2),
    "lstm": LstmSettings(name="lstm", hidden_size=16),
}


def settings(**changes):
    values = {"frames": 15, "replicas": 4, "batch": 4, "keep_frames": 3, "top_k": K, "top_p": 1.0, "starts": "spread"}
    return RolloutSettings(**{**values, **changes})


def sharp(chosen) -> torch.nn.Module:
    """A random network whose predictions depend on the whole context."""
    torch.manual_seed(0)
    network = build_model(chosen, VOCABULARY, N + 1).eval()
    with torch.no_grad():
        for weights in network.parameters():
            weights.mul_(4)
    return network


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def project(request, tmp_path):
    """Folder with codes and a model, and the arguments of a rollout in it."""
    codes = np.random.default_rng(0).integers(0, K, (40, 1)).astype(np.int32)
    write_npz(
        tmp_path / "codes.npz",
        codes=codes,
        frame=np.arange(40),
        segment=np.repeat([0, 1], 20),
        codebook_size=np.int32(K),
    )
    sharp(request.param).save_pretrained(tmp_path / "model")
    keep_kind(request.param, tmp_path / "model")
    VOCABULARY.save(tmp_path / "model" / "vocabulary.json")

    def run(name: str, chosen: RolloutSettings, work: str | None = None) -> dict[str, np.ndarray]:
        language = LanguageSettings(context_frames=N)
        out = tmp_path / f"{name}.npz"
        rollout(tmp_path / "codes.npz", tmp_path / "model", language, chosen, 0, out, tmp_path / (work or name), 1)
        return dict(np.load(out))

    return run


def test_an_interrupted_rollout_goes_on_to_the_same_frames(project):
    whole = project("whole", settings())
    for frames in (1, 4, 5, 9):
        project(f"part{frames}", settings(frames=frames), work=f"w{frames}")
        continued = project(f"continued{frames}", settings(), work=f"w{frames}")
        assert all(np.array_equal(continued[key], whole[key]) for key in whole)


def test_replicas_do_not_depend_on_how_many_run_together(project):
    together, alone = project("together", settings()), project("alone", settings(batch=1))
    assert np.array_equal(together["codes"], alone["codes"])
    assert together["log_likelihood"] == pytest.approx(alone["log_likelihood"], abs=1e-5)


@pytest.mark.parametrize("chosen", MODELS.values(), ids=MODELS)
def test_each_frame_follows_the_context_that_the_schedule_says(chosen):
    """Log-likelihoods against plain forward passes over 3, 4, 5, 6, 3 ... frames of context."""
    network = sharp(chosen)
    history = np.random.default_rng(1).integers(0, K, (5, N, 1))
    generator = frame_generator(network, VOCABULARY, N, settings(), 0)
    for frame in range(9):
        made = generator.next_frame(history[:, -N:], frame_uniforms(0, np.arange(5), frame, 1))
        context = 3 + frame % 4
        with torch.no_grad():
            log_p = network(torch.as_tensor(history[:, -context:, 0])).logits[:, -1].double().log_softmax(-1).numpy()
        assert made.log_likelihood == pytest.approx(log_p[np.arange(5), made.codes[:, 0]], abs=1e-5)
        history = np.concatenate([history, made.codes[:, None]], axis=1)


def test_keeping_all_frames_is_the_usual_rollout():
    network = sharp(MODELS["nanogpt"])
    context = np.random.default_rng(2).integers(0, K, (3, N, 1))
    uniforms = frame_uniforms(0, np.arange(3), 0, 1)
    growing = frame_generator(network, VOCABULARY, N, settings(keep_frames=N), 0).next_frame(context, uniforms)
    usual = FrameGenerator(network, VOCABULARY, N, settings()).next_frame(context, uniforms)
    assert np.array_equal(growing.codes, usual.codes)
    assert growing.log_likelihood == pytest.approx(usual.log_likelihood, abs=1e-9)


def test_more_frames_than_the_context_cannot_be_kept():
    with pytest.raises(InputError, match=r"rollout.keep_frames 7 is more than language.context_frames 6"):
        frame_generator(sharp(MODELS["nanogpt"]), VOCABULARY, N, settings(keep_frames=7), 0)


def test_starts_are_spread_and_so_is_any_group_of_them():
    codes = np.arange(1000)[:, None] % 997
    series = CodeSeries(codes, np.arange(1000), np.zeros(1000, int), 997)
    starts = start_frames(series, N, settings(replicas=100))[:, 0, 0]
    assert np.sort(starts)[[0, -1]].tolist() == [0, 994]
    for run in range(5):
        assert np.ptp(starts[run::5]) > 600
        assert np.ptp(starts[20 * run : 20 * run + 20]) > 600
    with pytest.raises(InputError, match=r"a rollout starts from 6 contiguous frames"):
        start_frames(CodeSeries(codes[:8], np.arange(8), np.repeat([0, 1], 4), 997), N, settings())


def test_draws_do_not_depend_on_which_frame_was_asked_before():
    stream = FrameUniforms(3, np.array([5, 9]), 2)
    later = stream.of(FrameUniforms.BLOCK + 1)
    assert np.array_equal(stream.of(2), frame_uniforms(3, np.array([5, 9]), 2, 2))
    assert np.array_equal(later, frame_uniforms(3, np.array([5, 9]), FrameUniforms.BLOCK + 1, 2))
    assert np.array_equal(later[1:], frame_uniforms(3, np.array([9]), FrameUniforms.BLOCK + 1, 2))
