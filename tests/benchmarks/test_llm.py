"""The GPU benchmark of the 7B model: its shape, its tokens, its arithmetic, and its code in miniature on a CPU."""

import importlib
import subprocess

import numpy as np
import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

import forked
from mdllm.models.settings import PretrainedSettings
from project import ROOT


@pytest.fixture(scope="module")
def llm():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        return importlib.import_module("llm")


def config(llm) -> MistralConfig:
    return MistralConfig(vocab_size=32768, sliding_window=None, tie_word_embeddings=False, **llm.SEVEN_B)


def test_the_shape_is_that_of_mistral_7b_v0_3(llm):
    with torch.device("meta"):
        network = MistralForCausalLM(config(llm))
    assert sum(parameter.numel() for parameter in network.parameters()) == 7_248_023_552


@pytest.mark.parametrize(("form", "expected"), [("text", 9003), ("codes", 1804)])
def test_tokens_of_a_window(llm, form, expected):
    windows = llm.windows_of(llm.languages(small=False)[form])
    assert windows["input_ids"].shape == (2, expected)


@pytest.mark.parametrize(("tokens", "gigaflop"), [(9000, 35.53), (1804, 29.87)])
def test_work_per_token_by_hand(llm, tokens, gigaflop):
    """32 layers of q and o (4096 x 4096), k and v (4096 x 1024), three of 4096 x 14336; the head; attention."""
    layer = 2 * 4096**2 + 2 * 4096 * 1024 + 3 * 4096 * 14336
    weights = 32 * layer + 32768 * 4096
    scores = 2 * (tokens / 2) * 4096 * 2  # QK^T and its product with V: two FLOP per multiplication, half masked
    by_hand = 4 * weights + 32 * 3 * scores  # forward once, backward twice
    assert llm.flop_per_token(config(llm), tokens) == pytest.approx(by_hand)
    assert by_hand / 1e9 == pytest.approx(gigaflop, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "codes"])
def test_a_step_and_a_frame_in_miniature(llm, form, tmp_path):
    torch.set_num_threads(1)
    pytest.importorskip("bitsandbytes", reason="the benchmark's base is in NF4")
    small = llm.write_base(tmp_path, llm.SMALL, "cpu")
    settings = PretrainedSettings(name="pretrained", base=str(tmp_path), max_length=9200, device="cpu")
    result = llm.measure(settings, llm.languages(small=True)[form], small, rounds=1)
    assert result["training_tokens_per_s"] == pytest.approx(
        result["training_windows_per_s"] * result["tokens_per_window"], rel=0.02
    )
    assert result["rollout_frame_s"] > 0
    assert result["training_mfu"] is None
    assert np.isfinite(result["training_step_s"])


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so():
    command = [forked.python(), str(ROOT / "benchmarks" / "llm.py")]
    result = subprocess.run(command, env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True)
    assert result.returncode == 1
    assert "needs a GPU, and torch finds none; --small needs none" in result.stderr
