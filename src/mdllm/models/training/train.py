"""Training: windows of frames, the Hugging Face Trainer, and a validation loss that stands beside its baselines.

Axes: F frames, L residues, N context frames, K codebook size, W windows, T tokens, V token ids. Under ``accelerate
launch`` every process trains its share of each update, and the first one writes.
"""

import logging
import math
import pkgutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import PartialState
from transformers import PrinterCallback, Trainer, TrainerState, TrainingArguments, set_seed

from mdllm.config.choices import ModelSettings
from mdllm.config.settings.stages import LanguageSettings, TrainingSettings
from mdllm.core.errors import InputError
from mdllm.core.records import write_json
from mdllm.language import baselines
from mdllm.language.series import CodeSeries
from mdllm.language.windows import IGNORED, Windows, split
from mdllm.models.base import build_model, chosen_device, model_kind, processes, resume_model
from mdllm.models.training.callbacks import ProgressBar, StopWhenPreempted, StopWithoutImprovement, out_of_patience
from mdllm.models.training.checkpoints import KeepBestAndNewest, best_checkpoint, newest_checkpoint, read_state
from mdllm.models.training.estimation import estimate
from mdllm.models.training.objective import Objective, objective
from mdllm.models.training.output_layer import refit_saved
from mdllm.run.preemption import Preemption, watch_for_preemption

logger = logging.getLogger(__name__)


def train(
    codes_file: Path,
    language: LanguageSettings,
    model: ModelSettings,
    training: TrainingSettings,
    seed: int,
    output_folder: Path,
    work_folder: Path,
    threads: int,
    before: Path | None = None,
) -> dict:
    """Train a model on codes; write `model/` and `training_log.csv` into `output_folder`.

    `model/` holds the weights of the step with the lowest validation loss (safetensors; of a pretrained model only the
    adapter), their config, the language and `training.json`. Checkpoints lie in `work_folder`, which must belong to
    exactly these arguments; a run that was killed continues from the newest one, to the same weights bit for bit on a
    CPU.

    Args:
        codes_file: npz that `CodeSeries.load` reads.
        language, model, training: config sections.
        seed: root of weights, dropout and the order of the windows.
        threads: CPU threads; another number may round differently.
        before: folder of a trained model of the same language, which is trained further; None: a new one. What is
            estimated from counts is estimated anew.

    Returns:
        the content of `training.json`; losses in nats per code.

    Raises:
        InputError: too few frames for a window on either side of the gap, a model that cannot be had or does not fit
            the windows, an update that cannot be shared evenly among the processes, or a training that diverges.
        SystemExit: SIGTERM arrived; a checkpoint has been written.
    """
    torch.set_num_threads(threads)
    series = CodeSeries.load(codes_file)
    parts = split(
        series,
        language.context_frames,
        language.stride,
        training.validation_share,
        training.validation_windows,
        language.judged_frames,
    )
    kind = model_kind(model.name)
    form = kind.language(model, language.form, series.residues, series.codebook_size)
    baseline = baselines.evaluate(series, parts)
    if not model.trained:
        return estimate(model, build_model(model, form, 1), series, parts, baseline, form, output_folder)
    windows = (series.codes, form, language.context_frames)
    training_windows = Windows(*windows, parts.training, language.loss, language.time_reversed)
    validation_windows = Windows(*windows, parts.validation, "all", time_reversed=False)

    def lengths(starts: np.ndarray, frames: int) -> np.ndarray:
        return form.window_lengths(series.codes, starts, frames)

    frames = language.context_frames + 1
    tokens_per_window = float(lengths(parts.training, frames).mean())
    tokens_per_code = (tokens_per_window - lengths(parts.training, 0).mean()) / (frames * series.residues)

    arguments = training_arguments(training, model, seed, work_folder)
    set_seed(seed)
    if before is None:
        longest = int(lengths(np.concatenate([parts.training, parts.validation]), frames).max())
        network = build_model(model, form, longest)
    else:
        network = resume_model(before)
    started = time.monotonic()
    with watch_for_preemption() as preemption:
        aim = objective(form, arguments.device, language.judged_frames)
        trainer = _trainer(network, arguments, model, training, training_windows, validation_windows, aim, preemption)
        state, steps_here = _train(trainer, training, work_folder)
        if preemption.requested and not _finished(state, arguments, training):
            preemption.leave(f"step {state.global_step}")
    seconds = time.monotonic() - started

    if state.best_global_step is None:
        raise InputError("training.learning_rate: the validation loss is not a number; lower the learning rate")
    folder = output_folder / "model"
    tokens_per_step = training.batch_size * training.accumulation * tokens_per_window
    report = {
        "validation_loss": state.best_metric,
        **baseline.report(),
        **kind.origin(model),
        "steps": state.global_step,
        "best_step": state.best_global_step,
        "training_windows": len(training_windows),
        "validation_windows": len(validation_windows),
        "training_frames": parts.training_frames,
        "context_frames": language.context_frames,
        "parameters": network.num_parameters(),
        "tokens_per_s": round(steps_here * tokens_per_step / seconds, 1),
        "device": str(arguments.device),
        "precision": training.precision,
        "attention": network.config._attn_implementation,
        "training_seconds": round(seconds, 1),
        "processes": arguments.world_size,
        "threads": threads,
        "seed": seed,
    }
    if arguments.process_index == 0:
        kind.keep(best_checkpoint(work_folder, state), model, folder)
        form.save(folder / "vocabulary.json")
        if training.output_refit:
            report |= refit_saved(folder, series, parts, language, form, training.output_refit)
            report["training_seconds"] = round(time.monotonic() - started, 1)
        training_log(state, tokens_per_code).to_csv(output_folder / "training_log.csv", index=False)
        write_json(folder / "training.json", report)
    PartialState().wait_for_everyone()
    logger.info(
        "validation loss %.3f nats per code (step %d of %d); frequencies %.3f, persistence %.3f",
        *(report[key] for key in ("validation_loss", "best_step", "steps")),
        *(report[key] for key in ("baseline_frequencies", "baseline_persistence")),
    )
    return report


def training_arguments(
    training: TrainingSettings, model: ModelSettings, seed: int, work_folder: Path
) -> TrainingArguments:
    """The config section `training` as the Trainer's arguments."""
    every = min(training.evaluate_every, training.max_steps)
    batch_size, accumulation = share_of_update(training, processes())
    return TrainingArguments(
        output_dir=str(work_folder),
        max_steps=training.max_steps,
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=training.batch_size,
        gradient_accumulation_steps=accumulation,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        warmup_steps=training.warmup_steps,
        lr_scheduler_type=training.scheduler,
        optim=training.optimizer,
        bf16=training.precision == "bfloat16",
        use_cpu=chosen_device(model.asked_device).type == "cpu",
        activation_checkpointing=model.recomputes_activations,
        activation_checkpointing_kwargs={"use_reentrant": False},
        ddp_find_unused_parameters=False,
        seed=seed,
        data_seed=seed,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        metric_for_best_model="nats_per_code",
        greater_is_better=False,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )


def share_of_update(training: TrainingSettings, processes: int) -> tuple[int, int]:
    """Batch size and accumulation of one process; all together make updates of as many windows as one process alone.

    Raises:
        InputError: the windows of an update cannot be shared evenly.
    """
    in_turn = math.gcd(training.accumulation, processes)
    at_once = processes // in_turn
    if training.batch_size % at_once:
        windows = training.batch_size * training.accumulation
        raise InputError(
            f"training.batch_size {training.batch_size} x training.accumulation {training.accumulation}: "
            f"{windows} windows cannot be shared evenly among {processes} processes; change the resource `gpu`, or one "
            "of the two"
        )
    return training.batch_size // at_once, training.accumulation // in_turn


def _trainer(
    network,
    arguments: TrainingArguments,
    model: ModelSettings,
    training: TrainingSettings,
    training_windows: Windows,
    validation_windows: Windows,
    aim: Objective,
    preemption: Preemption,
) -> Trainer:
    trainer_class = pkgutil.resolve_name(model.trainer)(model, aim) if model.trainer else Trainer
    trainer = trainer_class(
        model=network,
        args=arguments,
        train_dataset=training_windows,
        eval_dataset=validation_windows,
        data_collator=collate,
        compute_loss_func=lambda outputs, labels, num_items_in_batch: aim.loss(
            outputs.logits, labels, num_items_in_batch
        ),
        preprocess_logits_for_metrics=aim.judged,
        compute_metrics=lambda evaluation: {"nats_per_code": float(-evaluation.predictions.mean(dtype=float))},
        callbacks=[
            StopWithoutImprovement(training.patience),
            StopWhenPreempted(preemption),
            KeepBestAndNewest(),
            ProgressBar(),
        ],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def collate(windows: list[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
    """A batch of windows (R, T); shorter ones are filled up at the end, which no token of the window attends to."""
    shape = len(windows), max(len(window["input_ids"]) for window in windows)
    batch = {"input_ids": torch.zeros(shape, dtype=torch.int64), "labels": torch.full(shape, IGNORED)}
    for key, rows in batch.items():
        for row, window in zip(rows.numpy(), windows, strict=True):
            row[: len(window[key])] = window[key]
    return batch


def _train(trainer: Trainer, training: TrainingSettings, work_folder: Path) -> tuple[TrainerState, int]:
    """Train from the newest checkpoint to the end or to SIGTERM: the last state, and the steps made here."""
    with PartialState().main_process_first():
        start = newest_checkpoint(work_folder)
    first = 0 if start is None else read_state(start).global_step
    if start is None or not _finished(read_state(start), trainer.args, training):
        trainer.train(resume_from_checkpoint=None if start is None else str(start))
    state = read_state(newest_checkpoint(work_folder))
    return state, state.global_step - first


def _finished(state: TrainerState, arguments: TrainingArguments, training: TrainingSettings) -> bool:
    return state.global_step >= arguments.max_steps or out_of_patience(state.log_history, training.patience)


def training_log(state: TrainerState, tokens_per_code: float, metric: str = "nats_per_code") -> pd.DataFrame:
    """Table of step, epoch, training_loss, validation_loss (the metric) and learning_rate; losses in nats per code.

    The Trainer logs its loss per token: times the mean number of tokens of a code it is that of a code.
    """
    validation = f"eval_{metric}"
    entries = pd.DataFrame(state.log_history).reindex(columns=["step", "epoch", "loss", validation, "learning_rate"])
    entries["loss"] *= tokens_per_code
    names = {"loss": "training_loss", validation: "validation_loss"}
    return entries.rename(columns=names).groupby("step", as_index=False).first()
