"""Training: what the loss is, what is written, and that a killed run ends where an undisturbed one does."""

import json
import shutil
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from safetensors.numpy import load_file
from transformers import TrainerState

from mdllm.config.settings.stages import LanguageSettings
from mdllm.core.errors import InputError
from mdllm.language import baselines
from mdllm.language.series import CodeSeries
from mdllm.language.vocabulary import Vocabulary
from mdllm.language.windows import split
from mdllm.models.base import build_model, load_model
from mdllm.models.settings import MistralSettings
from mdllm.models.training.callbacks import out_of_patience
from mdllm.models.training.checkpoints import best_checkpoint, newest_checkpoint, read_state
from mdllm.models.training.train import train, training_arguments, training_log
from mdllm.run.preemption import EXIT_CODE
from models.small import LANGUAGE, MODEL, SEED, TRAINING, interrupt, run_training, write_codes


def test_validation_loss_is_that_of_the_next_frame_over_codes(trained):
    """Recomputed window by window from the saved weights, with the softmax over allowed codes written out."""
    folder, report = trained
    series = CodeSeries.load(folder / "codes.npz")
    network, vocabulary = load_model(folder / "out/model"), Vocabulary.load(folder / "out/model/vocabulary.json")
    n, residues = LANGUAGE.context_frames, series.residues
    losses = []
    for start in split(series, n, 1, TRAINING.validation_share).validation:
        codes = series.codes[start : start + n + 1]
        with torch.no_grad():
            logits = network(torch.tensor(vocabulary.encode(codes))[None]).logits[0].double().numpy()
        for residue, code in enumerate(codes[-1]):
            row = logits[n * residues + residue - 1][vocabulary.allowed(residue)]
            losses.append(np.log(np.exp(row).sum()) - row[code])
    assert len(losses) == report["validation_windows"] * residues
    assert report["validation_loss"] == pytest.approx(np.mean(losses), abs=1e-5)


def test_report_holds_the_baselines_of_the_same_codes(trained):
    folder, report = trained
    series = CodeSeries.load(folder / "codes.npz")
    expected = baselines.evaluate(series, split(series, 3, LANGUAGE.stride, TRAINING.validation_share))
    assert report["baseline_frequencies"] == expected.frequencies
    assert report["baseline_persistence"] == expected.persistence
    assert report["persistence_weight"] == expected.persistence_weight
    assert json.loads((folder / "out/model/training.json").read_text()) == report


def test_model_learns_what_the_baselines_cannot_know(trained):
    """The hidden state is in the past frames, not in the frequencies of a residue."""
    _, report = trained
    assert report["validation_loss"] < report["baseline_persistence"] - 0.02
    assert report["validation_loss"] < report["baseline_frequencies"] - 0.1


def test_log_is_a_table_whose_best_row_is_the_saved_model(trained):
    folder, report = trained
    log = pd.read_csv(folder / "out/training_log.csv")
    assert list(log.columns) == ["step", "epoch", "training_loss", "validation_loss", "learning_rate"]
    assert log["step"].tolist() == list(range(1, report["steps"] + 1))
    validated = log.dropna(subset="validation_loss")
    assert validated["step"].tolist() == list(range(10, report["steps"] + 1, 10))
    best = validated.loc[validated["validation_loss"].idxmin()]
    assert (best["step"], best["validation_loss"]) == (report["best_step"], pytest.approx(report["validation_loss"]))


def test_losses_of_the_log_are_per_code():
    """The Trainer logs the mean over tokens; a code of 2.5 tokens has 2.5 times that. Validation is per code."""
    state = TrainerState(
        log_history=[{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}, {"step": 2, "eval_nats_per_code": 3.0}]
    )
    log = training_log(state, tokens_per_code=2.5)
    assert log["training_loss"].tolist() == [5.0, 2.5]
    assert log["validation_loss"].tolist() == pytest.approx([np.nan, 3.0], nan_ok=True)


def test_a_code_of_a_model_from_scratch_is_one_token(trained):
    """So that what it logs before it has learned anything is the entropy of a uniform choice among six codes."""
    folder, _ = trained
    log = pd.read_csv(folder / "out/training_log.csv")
    assert log["training_loss"][0] == pytest.approx(np.log(6), abs=0.2)


def test_weights_are_safetensors_and_nothing_is_pickled(trained):
    folder, report = trained
    names = {path.name for path in (folder / "out/model").iterdir()}
    assert names >= {"model.safetensors", "config.json", "vocabulary.json", "training.json"}
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in names)
    assert (
        sum(array.size for array in load_file(folder / "out/model/model.safetensors").values()) == report["parameters"]
    )


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, EXIT_CODE)])
def test_interrupted_run_ends_with_the_same_weights(trained, tmp_path, number, status):
    folder, report = trained
    shutil.copy(folder / "codes.npz", tmp_path)
    returned, messages = interrupt("train", tmp_path, "work_train/checkpoint-20/complete", number)
    assert returned == status, messages
    assert not (tmp_path / "out").exists()
    stopped_at = read_state(newest_checkpoint(tmp_path / "work_train")).global_step
    assert 20 <= stopped_at < report["steps"]
    resumed = run_training(tmp_path)
    for name in ("model/model.safetensors", "training_log.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / "out" / name).read_bytes()
    assert resumed["validation_loss"] == report["validation_loss"]


def test_a_model_goes_on_from_where_it_was(trained, tmp_path):
    folder, report = trained
    before, one_step = folder / "out" / "model", TRAINING.model_copy(update={"max_steps": 1, "learning_rate": 1e-12})
    places = tmp_path / "out", tmp_path / "work"
    codes = folder / "codes.npz"
    further = train(codes, LANGUAGE, MODEL, one_step, SEED, *places, threads=1, before=before)
    assert further["validation_loss"] == pytest.approx(report["validation_loss"], abs=1e-4)
    old, new = (load_file(place / "model.safetensors") for place in (before, tmp_path / "out" / "model"))
    assert old.keys() == new.keys()
    assert all(np.allclose(old[key], new[key], atol=1e-6) for key in old)


def test_run_killed_after_its_last_step_trains_no_further(trained, tmp_path):
    folder, report = trained
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "out")
    assert run_training(tmp_path)["steps"] == report["steps"]
    assert (tmp_path / "out/training_log.csv").read_bytes() == (folder / "out/training_log.csv").read_bytes()


def test_incomplete_checkpoint_is_never_resumed(tmp_path):
    for step, complete in ((20, True), (100, True), (120, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").touch()
        if complete:
            (tmp_path / f"checkpoint-{step}" / "complete").touch()
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-100"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-100", "checkpoint-20"]


def test_only_the_best_and_the_newest_checkpoint_stay(trained):
    folder, report = trained
    work = folder / "work_train"
    newest = newest_checkpoint(work)
    assert set(work.glob("checkpoint-*")) == {newest, best_checkpoint(work, read_state(newest))}
    assert read_state(newest).global_step == report["steps"]


def test_patience_counts_validations_without_improvement():
    def log(*losses):
        return [{"eval_nats_per_code": loss, "step": i} for i, loss in enumerate(losses)] + [{"loss": 0.0}]

    assert not out_of_patience(log(3.0, 2.0, 2.5), 2)
    assert not out_of_patience(log(3.0, 2.0, 2.5, 1.9), 2)
    assert out_of_patience(log(3.0, 2.0, 2.5, 2.0), 2)
    assert not out_of_patience(TrainerState().log_history, 1)


def test_hyperparameters_reach_the_trainer(tmp_path):
    changed = TRAINING.model_copy(
        update={
            "accumulation": 4,
            "weight_decay": 0.02,
            "warmup_steps": 7,
            "scheduler": "cosine",
            "optimizer": "adafactor",
        }
    )
    arguments = training_arguments(changed, MODEL, 3, tmp_path)
    assert arguments.per_device_train_batch_size == 8
    assert arguments.gradient_accumulation_steps == 4
    assert (arguments.learning_rate, arguments.weight_decay, arguments.warmup_steps) == (3e-3, 0.02, 7)
    assert (arguments.lr_scheduler_type, arguments.optim) == ("cosine", "adafactor")
    assert (arguments.max_steps, arguments.eval_steps, arguments.save_steps) == (60, 10, 10)
    assert (arguments.seed, arguments.data_seed, arguments.bf16) == (3, 3, False)


def test_fewer_frames_than_one_window_end_before_training(tmp_path):
    write_codes(tmp_path / "codes.npz", frames=20)
    with pytest.raises(InputError, match=r"of 20 training frames .* language.context_frames"):
        train(tmp_path / "codes.npz", LanguageSettings(context_frames=19), MODEL, TRAINING, SEED, tmp_path, tmp_path, 1)


def test_unknown_model_is_named():
    with pytest.raises(
        InputError, match=r"model.name 'gpt5' is unknown; choose one of base, lstm, markov, mistral, nanogpt"
    ):
        build_model(MODEL.model_copy(update={"name": "gpt5"}), Vocabulary.from_scratch(2, 3), 6)


def test_sizes_that_do_not_divide_are_named():
    with pytest.raises(ValidationError, match="hidden_size 30 must be an even multiple of heads 4"):
        MistralSettings(hidden_size=30)


@pytest.mark.parametrize("accumulation", [1, 3])
def test_first_logged_loss_is_that_of_a_guess(tmp_path, accumulation):
    """Untrained weights know nothing: log K nats per code, however many batches make up a step."""
    write_codes(tmp_path / "codes.npz")
    one_step = TRAINING.model_copy(update={"accumulation": accumulation, "max_steps": 1})
    train(tmp_path / "codes.npz", LANGUAGE, MODEL, one_step, SEED, tmp_path, tmp_path / "work", threads=1)
    log = pd.read_csv(tmp_path / "training_log.csv")
    assert log["training_loss"].tolist() == [pytest.approx(np.log(6), abs=0.1)]
