"""Entropy held in a rollout, by a model of known probabilities: unsure where MD is, and too sure where it starts."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.optimize import brentq
from scipy.special import entr, softmax

from mdllm.config.settings.stages import LanguageSettings, RolloutSettings
from mdllm.core.errors import InputError
from mdllm.core.records import read_npz, write_json, write_npz
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import keep_kind
from mdllm.models.markov import MarkovConfig, MarkovForCausalLM
from mdllm.models.rollout.entropy import GAIN, HIGHEST, LOWEST, next_temperature
from mdllm.models.rollout.parts import merge_batches
from mdllm.models.rollout.run import rollout, run_batches
from mdllm.models.settings import MarkovSettings

LANGUAGE = LanguageSettings(context_frames=1)
ROLLOUT = RolloutSettings(frames=200, replicas=3, batch=2, top_k=8, top_p=1.0, checkpoint_every=40, hold_entropy=True)
# Of two residues, what follows any code of 0-3 (where MD is), and of 4-7 (where the rollout starts, and stays).
AFTER_MD = np.array([[0.5, 0.3, 0.1, 0.1], [0.4, 0.4, 0.1, 0.1]])
AFTER_START = np.array([[0.7, 0.1, 0.1, 0.1], [0.8, 0.1, 0.05, 0.05]])
HELD = entr(AFTER_MD).sum(-1).mean()


def entropy_at(temperature: float) -> float:
    """Mean over residues, where the rollout is."""
    return entr(softmax(np.log(AFTER_START) / temperature, axis=-1)).sum(-1).mean()


def write_model(folder, after_md) -> None:
    model = MarkovForCausalLM(MarkovConfig(2, 8))
    transition = np.zeros((2, 8, 8))
    transition[:, :4, :4], transition[:, 4:, 4:] = after_md[:, None], AFTER_START[:, None]
    model.log_transition.copy_(torch.as_tensor(transition).log())
    model.save_pretrained(folder / "model")


@pytest.fixture
def folder(tmp_path):
    """Codes of MD, all of 0-3 but for one last frame alone, and the model."""
    write_model(tmp_path, AFTER_MD)
    keep_kind(MarkovSettings(name="markov"), tmp_path / "model")
    Vocabulary.from_scratch(2, 8).save(tmp_path / "model" / "vocabulary.json")
    write_json(tmp_path / "model" / "training.json", {"training_frames": 50})
    codes = np.random.default_rng(0).integers(0, 4, (151, 2))
    codes[-1] = 5
    codes[:49] = 7  # seen in training alone, so that nothing of it is held
    segment = np.repeat([0, 1], [150, 1])
    write_npz(tmp_path / "codes.npz", codes=codes, frame=np.arange(151), segment=segment, codebook_size=np.array(8))
    return tmp_path


def run(folder, settings, name="rollout.npz") -> dict:
    arguments = (folder / "codes.npz", folder / "model", LANGUAGE, settings, 0)
    report = rollout(*arguments, folder / name, folder / f"work_{name}", threads=1)
    return {**report, **read_npz(folder / name)}


@pytest.fixture
def start_at_the_end(monkeypatch):
    """The last frame, though the stretch that it is alone in is shorter than the others."""
    monkeypatch.setattr("mdllm.language.series.CodeSeries.last_frames", lambda self, count: self.codes[-count:])


def test_frames_are_as_uncertain_as_those_of_validation(folder, start_at_the_end):
    made = run(folder, ROLLOUT)
    assert made["held_entropy"] == pytest.approx(HELD, abs=1e-6) == made["held_entropy_per_code"]
    assert (made["codes"] >= 4).all()
    # The bound of the docstring, where temperature 1 misses by 30 %.
    mean = made["tempered_entropy"].mean(1) / 2
    assert np.abs(mean - HELD).max() <= HELD * np.log(HIGHEST) / (GAIN * ROLLOUT.frames)
    assert made["entropy"] / 2 == pytest.approx(entropy_at(1.0))
    assert entropy_at(1.0) < 0.71 * HELD
    # In the end every frame has it, at the temperature at which it is known to.
    exact = brentq(lambda temperature: entropy_at(temperature) - HELD, LOWEST, HIGHEST)
    assert made["temperature"][:, -1] == pytest.approx(exact, rel=1e-3)
    assert made["tempered_entropy"][:, -1] / 2 == pytest.approx(HELD, rel=1e-3)
    assert (made["temperature"][:, 0] == 1).all()
    assert made["highest_temperature"] == made["temperature"].max()
    # Codes are drawn at these temperatures.
    first, late = (made["codes"][:, 100:, residue] for residue in (0, 1))
    wanted = softmax(np.log(AFTER_START) / exact, axis=-1)[:, 0]
    assert [(first == 4).mean(), (late == 4).mean()] == pytest.approx(wanted, abs=0.07)
    assert abs(AFTER_START[1, 0] - wanted[1]) > 0.2


def test_it_is_off_unless_it_is_asked_for(folder, start_at_the_end):
    made = run(folder, ROLLOUT.model_copy(update={"hold_entropy": False}))
    assert {"temperature", "tempered_entropy", "held_entropy"}.isdisjoint(made)
    assert (made["codes"][..., 1] == 4).mean() == pytest.approx(0.8, abs=0.05)


def test_any_division_and_interruption_gives_the_same_bytes(folder, start_at_the_end):
    run(folder, ROLLOUT)
    arguments = (folder / "codes.npz", folder / "model", LANGUAGE)
    work = folder / "work_parts"
    run_batches(range(2), *arguments, ROLLOUT.model_copy(update={"frames": 40}), 0, work, 1)  # as if killed there
    for batch in (1, 0):
        run_batches(range(batch, batch + 1), *arguments, ROLLOUT, 0, work, 1)
    counts = merge_batches(ROLLOUT, work, folder / "merged.npz")
    assert (folder / "merged.npz").read_bytes() == (folder / "rollout.npz").read_bytes()
    assert counts["held_entropy_per_code"] == pytest.approx(HELD, abs=1e-6)


def test_a_model_that_is_sure_of_every_code_has_no_entropy_to_hold(folder, start_at_the_end):
    write_model(folder, np.eye(4)[:2])
    with pytest.raises(InputError, match=r"hold_entropy has no effect: after validation frames the model is sure"):
        run(folder, ROLLOUT)


def test_temperatures_stay_within_their_limits():
    found = next_temperature(np.array([1.9, 0.52, 1.0]), np.array([0.0, 5.0, 1.0]), 1.0)
    assert found.tolist() == [HIGHEST, LOWEST, 1.0]


def test_a_temperature_beside_it_is_an_error():
    with pytest.raises(ValidationError, match=r"temperature 0.9 has no effect where hold_entropy chooses temperatures"):
        RolloutSettings(hold_entropy=True, temperature=0.9)
