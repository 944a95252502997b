"""Rollout: the model's own conditional, only codes, and the same bytes however it is interrupted or divided."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from mdllm.config.settings.stages import RolloutSettings
from mdllm.core.records import read_npz
from mdllm.language.series import CodeSeries
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import load_model
from mdllm.models.rollout.generation import FrameGenerator
from mdllm.models.rollout.run import run_batches
from mdllm.models.rollout.sampling import frame_uniforms
from mdllm.run.preemption import EXIT_CODE
from models.small import LANGUAGE, ROLLOUT, SEED, interrupt, run_rollout
from project import ROOT

N = LANGUAGE.context_frames
OPEN = RolloutSettings(top_k=100, top_p=1.0)


@pytest.fixture(scope="module")
def rolled_out(trained, tmp_path_factory):
    """Folder with an undisturbed rollout of the trained model."""
    folder = tmp_path_factory.mktemp("rollout")
    shutil.copytree(trained[0], folder, dirs_exist_ok=True)
    return folder, run_rollout(folder)


@pytest.fixture(scope="module")
def network(trained):
    folder, _ = trained
    return load_model(folder / "out/model"), Vocabulary.load(folder / "out/model/vocabulary.json")


def own_log_probabilities(model, vocabulary, codes):
    """Log-probabilities (R, L, K) of the last of the frames `codes` (R, N + 1, L), by one plain forward pass."""
    residues = vocabulary.residues
    with torch.no_grad():
        logits = model(torch.tensor(vocabulary.encode(codes)), use_cache=False).logits.double()
    rows = [
        logits[:, -residues - 1 + residue][:, vocabulary.allowed(residue)].log_softmax(-1)
        for residue in range(residues)
    ]
    return torch.stack(rows, dim=1).numpy()


def test_cached_logits_equal_those_of_the_plain_forward_pass(network):
    """Also for the second frame, which finds the cache used."""
    model, vocabulary = network
    rng = np.random.default_rng(0)
    generator = FrameGenerator(model, vocabulary, N, ROLLOUT)
    for _ in range(2):
        codes = rng.integers(0, vocabulary.codebook_size, (3, N + 1, vocabulary.residues))
        with torch.inference_mode():
            logits = [generator.prefill(codes[:, :-1])]
            for residue in range(vocabulary.residues - 1):
                logits.append(generator.step(residue, torch.tensor(codes[:, -1, residue])))
            plain = model(torch.tensor(vocabulary.encode(codes)), use_cache=False).logits
        expected = plain[:, -vocabulary.residues - 1 : -1]
        assert (torch.stack(logits, dim=1) - expected).abs().max() < 1e-4
        assert expected.std() > 0.1


def test_drawn_frames_follow_the_models_distribution(network):
    """The pair of the first two codes of one frame, over many replicas, against the product of conditionals."""
    model, vocabulary = network
    replicas = 4000
    context = np.random.default_rng(1).integers(0, 6, (1, N, vocabulary.residues)).repeat(replicas, axis=0)
    uniforms = frame_uniforms(SEED, np.arange(replicas), 0, vocabulary.residues)
    drawn = FrameGenerator(model, vocabulary, N, OPEN).next_frame(context, uniforms).codes
    k = vocabulary.codebook_size
    trial = np.zeros((k, 1, vocabulary.residues), int)
    trial[:, 0, 0] = np.arange(k)
    log_p = own_log_probabilities(model, vocabulary, np.concatenate([context[:k], trial], axis=1))
    joint = np.exp(log_p[0, 0][:, None] + log_p[:, 1]).ravel()
    counts = np.bincount(drawn[:, 0] * k + drawn[:, 1], minlength=k * k)
    assert (joint * replicas).min() > 1
    assert chisquare(counts, joint * replicas).pvalue > 1e-3


def test_log_likelihood_and_entropy_are_those_of_the_whole_conditional(rolled_out, network):
    """Recomputed for every frame of every replica; top-k and top-p of the rollout must not enter."""
    folder, _ = rolled_out
    model, vocabulary = network
    result = read_npz(folder / "rollout.npz")
    start = CodeSeries.load(folder / "codes.npz").last_frames(N)
    replicas, frames, residues = result["codes"].shape
    assert (replicas, frames, residues) == (ROLLOUT.replicas, ROLLOUT.frames, 4)
    history = np.concatenate([np.repeat(start[None], replicas, axis=0), result["codes"]], axis=1)
    for frame in range(frames):
        codes = history[:, frame : frame + N + 1]
        log_p = own_log_probabilities(model, vocabulary, codes)
        chosen = np.take_along_axis(log_p, codes[:, -1, :, None], axis=-1)
        np.testing.assert_allclose(result["log_likelihood"][:, frame], chosen.sum((1, 2)), atol=1e-4)
        np.testing.assert_allclose(result["entropy"][:, frame], -(np.exp(log_p) * log_p).sum((1, 2)), atol=1e-4)


def test_the_report_of_a_rollout_is_its_mean_entropy_per_code(rolled_out):
    folder, report = rolled_out
    result = read_npz(folder / "rollout.npz")
    assert np.ptp(result["entropy"]) > 0.01
    assert report["mean_entropy_per_code"] == pytest.approx(result["entropy"].mean() / 4)


def test_only_codes_within_top_k_are_drawn(rolled_out, network):
    folder, _ = rolled_out
    model, vocabulary = network
    result = read_npz(folder / "rollout.npz")
    codes = result["codes"]
    assert codes.dtype == np.int32
    assert codes.min() >= 0
    assert codes.max() < vocabulary.codebook_size
    log_p = own_log_probabilities(model, vocabulary, codes[:, : N + 1])
    rank = (log_p > np.take_along_axis(log_p, codes[:, N, :, None], axis=-1)).sum(-1)
    assert rank.max() < ROLLOUT.top_k


def test_tokens_that_are_no_codes_are_never_drawn(network):
    """A vocabulary that leaves out the most probable half of each residue's ids draws from the other half only."""
    model, vocabulary = network
    context = np.zeros((50, N, vocabulary.residues), int)
    half = Vocabulary(vocabulary.ids[:, :3], vocabulary.size)
    uniforms = frame_uniforms(SEED, np.arange(50), 0, vocabulary.residues)
    full = FrameGenerator(model, vocabulary, N, OPEN).next_frame(context, uniforms)
    assert (full.codes >= 3).any()
    restricted = FrameGenerator(model, half, N, OPEN).next_frame(context, uniforms)
    assert restricted.codes.max() < 3
    assert (restricted.log_likelihood < 0).all()


def test_replicas_differ_and_frames_go_on(rolled_out):
    codes = read_npz(rolled_out[0] / "rollout.npz")["codes"]
    assert len({replica.tobytes() for replica in codes}) == len(codes)
    assert all(len({frame.tobytes() for frame in replica}) > 10 for replica in codes)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, EXIT_CODE)])
def test_interrupted_rollout_gives_the_same_bytes(rolled_out, tmp_path, number, status):
    folder, _ = rolled_out
    shutil.copytree(folder / "out", tmp_path / "out")
    shutil.copy(folder / "codes.npz", tmp_path)
    returned, messages = interrupt("rollout", tmp_path, "work_rollout/batch-00001/frames-00000007.npz", number)
    assert returned == status, messages
    assert not (tmp_path / "rollout.npz").exists()
    run_rollout(tmp_path)
    assert (tmp_path / "rollout.npz").read_bytes() == (folder / "rollout.npz").read_bytes()


@pytest.mark.slow
def test_batches_made_apart_and_out_of_order_give_the_same_bytes(rolled_out, tmp_path):
    folder, _ = rolled_out
    shutil.copytree(folder / "out", tmp_path / "out")
    shutil.copy(folder / "codes.npz", tmp_path)
    for batches in (range(2, 3), range(0, 2)):
        run_batches(
            batches,
            tmp_path / "codes.npz",
            tmp_path / "out/model",
            LANGUAGE,
            ROLLOUT,
            SEED,
            tmp_path / "work_rollout",
            threads=1,
        )
    run_rollout(tmp_path)
    assert (tmp_path / "rollout.npz").read_bytes() == (folder / "rollout.npz").read_bytes()


@pytest.mark.slow
def test_a_rollout_loads_nothing_of_training():
    """It takes a third less time to start, and an edit of how models are trained makes no rollout stale."""
    loaded = "import sys, mdllm.models.rollout.run, mdllm.models.nanogpt; print('\\n'.join(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    result = subprocess.run([sys.executable, "-c", loaded], env=environment, capture_output=True, text=True, check=True)
    names = result.stdout.split()
    assert "transformers.modeling_utils" in names
    assert "transformers.trainer" not in names
    assert not [name for name in names if name.startswith("mdllm.models.training")]
