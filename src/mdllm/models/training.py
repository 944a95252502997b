"""Fine-tuning: windows of codes, the Hugging Face Trainer, and a validation loss that stands beside its baselines.

Axes: F frames, L residues, N context frames, K codebook size, W windows, V token ids.
"""

import logging
import time
from pathlib import Path

import pandas as pd
import torch
from transformers import AutoModelForCausalLM, PrinterCallback, Trainer, TrainerState, TrainingArguments, set_seed

from mdllm.core.errors import InputError
from mdllm.core.preemption import Preemption, watch_for_preemption
from mdllm.core.records import write_json
from mdllm.core.settings import LanguageSettings, ScratchModel, TrainingSettings
from mdllm.language import baselines
from mdllm.language.series import CodeSeries
from mdllm.language.vocabulary import Vocabulary
from mdllm.language.windows import Windows, split
from mdllm.models.base import ATTENTION, available_device, build_model
from mdllm.models.callbacks import ProgressBar, StopWhenPreempted, StopWithoutImprovement, out_of_patience
from mdllm.models.checkpoints import KeepBestAndNewest, best_checkpoint, newest_checkpoint, read_state
from mdllm.models.likelihood import token_log_probabilities, window_loss

logger = logging.getLogger(__name__)


def finetune(
    codes_file: Path,
    language: LanguageSettings,
    model: ScratchModel,
    training: TrainingSettings,
    seed: int,
    output_folder: Path,
    work_folder: Path,
    threads: int,
) -> dict:
    """Train a model on codes; write `model/` and `training_log.csv` into `output_folder`.

    `model/` holds the weights of the step with the lowest validation loss (safetensors), their config, the vocabulary
    and `training.json`. Checkpoints lie in `work_folder`, which must belong to exactly these arguments; a run that was
    killed continues from the newest one, to the same weights bit for bit on a CPU.

    Args:
        codes_file: npz that `CodeSeries.load` reads.
        language, model, training: config sections.
        seed: root of weights, dropout and the order of the windows.
        threads: CPU threads; another number may round differently.

    Returns:
        the content of `training.json`; losses in nats per code.

    Raises:
        InputError: too few frames for a window on either side of the gap, or a training that diverges.
        SystemExit: SIGTERM arrived; a checkpoint has been written.
    """
    torch.set_num_threads(threads)
    series = CodeSeries.load(codes_file)
    parts = split(series, language.context_frames, language.stride, training.validation_share)
    vocabulary = Vocabulary.from_scratch(series.residues, series.codebook_size)
    windows = (series.codes, vocabulary, language.context_frames)
    training_windows = Windows(*windows, parts.training, language.loss, language.time_reversed)
    validation_windows = Windows(*windows, parts.validation, "last", time_reversed=False)
    baseline = baselines.evaluate(series, language.context_frames, parts)
    tokens_per_window = (language.context_frames + 1) * series.residues

    set_seed(seed)
    network = build_model(model, vocabulary, tokens_per_window)
    arguments = training_arguments(training, seed, work_folder)
    started = time.monotonic()
    with watch_for_preemption() as preemption:
        trainer = _trainer(network, arguments, training, training_windows, validation_windows, vocabulary, preemption)
        state, steps_here = _train(trainer, training, work_folder)
        if preemption.requested and not _finished(state, arguments, training):
            preemption.leave(f"step {state.global_step}")
    seconds = time.monotonic() - started

    if state.best_global_step is None:
        raise InputError("training.learning_rate: the validation loss is not a number; lower the learning rate")
    folder = output_folder / "model"
    best = AutoModelForCausalLM.from_pretrained(best_checkpoint(work_folder, state))
    best.save_pretrained(folder)
    vocabulary.save(folder / "vocabulary.json")
    training_log(state).to_csv(output_folder / "training_log.csv", index=False)
    tokens_per_step = training.batch_size * training.accumulation * tokens_per_window
    report = {
        "validation_loss": state.best_metric,
        "baseline_frequencies": baseline.frequencies,
        "baseline_persistence": baseline.persistence,
        "persistence_weight": baseline.persistence_weight,
        "frequency_smoothing": baseline.smoothing,
        "steps": state.global_step,
        "best_step": state.best_global_step,
        "training_windows": len(training_windows),
        "validation_windows": len(validation_windows),
        "training_frames": parts.training_frames,
        "context_frames": language.context_frames,
        "parameters": best.num_parameters(),
        "tokens_per_s": round(steps_here * tokens_per_step / seconds, 1),
        "device": str(arguments.device),
        "precision": training.precision,
        "attention": ATTENTION,
        "threads": threads,
        "seed": seed,
    }
    write_json(folder / "training.json", report)
    logger.info(
        "validation loss %.3f nats per code (step %d of %d); frequencies %.3f, persistence %.3f",
        *(report[key] for key in ("validation_loss", "best_step", "steps")),
        *(report[key] for key in ("baseline_frequencies", "baseline_persistence")),
    )
    return report


def training_arguments(training: TrainingSettings, seed: int, work_folder: Path) -> TrainingArguments:
    """The config section `training` as the Trainer's arguments."""
    every = min(training.evaluate_every, training.max_steps)
    return TrainingArguments(
        output_dir=str(work_folder),
        max_steps=training.max_steps,
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=training.batch_size,
        gradient_accumulation_steps=training.accumulation,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        warmup_steps=training.warmup_steps,
        lr_scheduler_type=training.scheduler,
        optim=training.optimizer,
        bf16=training.precision == "bfloat16",
        use_cpu=available_device().type == "cpu",
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


def _trainer(
    network,
    arguments: TrainingArguments,
    training: TrainingSettings,
    training_windows: Windows,
    validation_windows: Windows,
    vocabulary: Vocabulary,
    preemption: Preemption,
) -> Trainer:
    residues = vocabulary.residues
    ids = torch.as_tensor(vocabulary.ids, device=arguments.device)

    def last_frame(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return token_log_probabilities(logits[:, -residues - 1 : -1], labels[:, -residues:], ids)

    trainer = Trainer(
        model=network,
        args=arguments,
        train_dataset=training_windows,
        eval_dataset=validation_windows,
        compute_loss_func=lambda outputs, labels, num_items_in_batch: window_loss(
            outputs.logits, labels, ids, num_items_in_batch
        ),
        preprocess_logits_for_metrics=last_frame,
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


def _train(trainer: Trainer, training: TrainingSettings, work_folder: Path) -> tuple[TrainerState, int]:
    """Train from the newest checkpoint to the end or to SIGTERM: the last state, and the steps made here."""
    start = newest_checkpoint(work_folder)
    first = 0 if start is None else read_state(start).global_step
    if start is None or not _finished(read_state(start), trainer.args, training):
        trainer.train(resume_from_checkpoint=None if start is None else str(start))
    state = read_state(newest_checkpoint(work_folder))
    return state, state.global_step - first


def _finished(state: TrainerState, arguments: TrainingArguments, training: TrainingSettings) -> bool:
    return state.global_step >= arguments.max_steps or out_of_patience(state.log_history, training.patience)


def training_log(state: TrainerState) -> pd.DataFrame:
    """Table of step, epoch, training_loss, validation_loss and learning_rate; losses in nats per code."""
    entries = pd.DataFrame(state.log_history).reindex(
        columns=["step", "epoch", "loss", "eval_nats_per_code", "learning_rate"]
    )
    names = {"loss": "training_loss", "eval_nats_per_code": "validation_loss"}
    return entries.rename(columns=names).groupby("step", as_index=False).first()
