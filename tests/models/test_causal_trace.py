"""Causal trace: exact where everything is restored, zero where nothing is corrupted, and where the information is."""

import numpy as np
import pytest
import torch

from mdllm.config.settings.kinetics import CausalTraceSettings
from mdllm.core.errors import InputError
from mdllm.language.series import CodeSeries
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import build_model
from mdllm.models.diagnostics.causal_trace import Trace, chosen_windows
from mdllm.models.settings import NanoGptSettings

SETTINGS = CausalTraceSettings(windows=20, frames=6)


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def model(request):
    torch.manual_seed(0)
    settings = NanoGptSettings(name="nanogpt", decoder=request.param, hidden_size=16, heads=2)
    network = build_model(settings, Vocabulary.from_scratch(1, 5), 9).eval()
    with torch.no_grad():  # sharper than at random, so that effects are seen
        for weights in network.parameters():
            weights.mul_(3 if weights.ndim == 2 else 1)
    return network


@pytest.fixture
def windows():
    tokens = torch.as_tensor(np.random.default_rng(0).integers(0, 5, (12, 7)))
    return tokens[:, :-1], tokens[:, -1]


def trace(model, **changes) -> Trace:
    return Trace(model, SETTINGS.model_copy(update=changes), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layer", range(4))
def test_all_positions_of_a_layer_restored_give_the_clean_run(model, windows, layer):
    runs = trace(model)
    noise = runs.noise(windows[0])
    clean, hidden = runs.clean_run(*windows)
    restored = runs.restored(*windows, noise, hidden, layer, list(range(6)))
    assert torch.equal(restored, clean)
    assert not torch.allclose(runs.probabilities(*windows, {0: lambda states: states + noise}), clean)


def test_without_noise_there_is_no_effect(model, windows):
    effects = trace(model, noise=1e-12).effects(*windows)
    assert effects[["indirect_effect", "total_effect"]].abs().to_numpy().max() < 1e-6
    assert len(effects) == 4 * 6


def test_noise_falls_on_the_first_share_of_the_context(model, windows):
    noise = trace(model, corrupted=0.5).noise(windows[0])
    assert (noise[:, :3] != 0).all()
    assert (noise[:, 3:] == 0).all()


def test_the_last_position_of_the_last_block_decides_all(model, windows):
    """What follows the last block at the last position is the prediction: restored there, everything is."""
    effects = trace(model).effects(*windows).set_index(["layer", "position"])
    row = effects.loc[(3, 0)]
    assert row["indirect_effect"] == pytest.approx(row["total_effect"], abs=1e-9)
    assert effects.loc[(3, -1), "indirect_effect"] == pytest.approx(0, abs=1e-9)


def test_windows_of_both_kinds_are_spread_over_the_frames():
    codes = np.repeat(np.arange(50) % 5, 4)[:, None]
    series = CodeSeries(codes, np.arange(200), np.repeat([0, 1], 100), 5)
    found = chosen_windows(series, SETTINGS)
    assert (found["stays"][:, -1] == found["stays"][:, -2]).all()
    assert (found["moves"][:, -1] != found["moves"][:, -2]).all()
    assert len(found["stays"]) == len(found["moves"]) == 20
    with pytest.raises(InputError, match=r"causal_trace.frames 150: every contiguous stretch of frames is shorter"):
        chosen_windows(series, SETTINGS.model_copy(update={"frames": 150}))
