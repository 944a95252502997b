"""Train a base on the proteins of a collection.

Validation is on windows of proteins of other clusters, always the same, in nats per code of hidden residues, beside
what the statistics of residue types reach on the same residues. The best of all validations is kept.

Axes: B rows, K codes.
"""

import logging
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from safetensors.torch import load_file
from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed

from mdllm.bases.base import Base
from mdllm.bases.baselines import TypeStatistics
from mdllm.bases.examples import Windows, joined
from mdllm.bases.network import BaseNetwork
from mdllm.bases.objective import Judged
from mdllm.bases.proteins import Proteins, write_proteins
from mdllm.bases.settings import BaseSettings
from mdllm.bases.views import TYPES_AROUND
from mdllm.collections.reader import Collection
from mdllm.core.errors import InputError
from mdllm.models.base import chosen_device, processes
from mdllm.models.training.callbacks import ProgressBar, StopWhenPreempted
from mdllm.models.training.checkpoints import KeepBestAndNewest, best_checkpoint, newest_checkpoint, read_state
from mdllm.models.training.train import training_log
from mdllm.run.preemption import watch_for_preemption
from mdllm.tokenizers.chain.codebook import shipped_steps

logger = logging.getLogger(__name__)

# Validation windows are drawn from this seed whatever `seed` is: bases of different seeds are judged alike.
_VALIDATION_SEED = 1
_OFFSETS = ("offset_nm", "offset_rad")
_CODING = timedelta(hours=12)  # so long other processes wait for the one that codes a collection


def train_base(settings: BaseSettings, collection: Collection, work_folder: Path, output: Path, threads: int) -> dict:
    """Train, and write the base and `training_log.csv` into `output`.

    Returns:
        the content of `base.json`; losses in nats per code.

    Raises:
        InputError: the collection has no protein for training or validation, or the training diverges.
        SystemExit: SIGTERM arrived; a checkpoint has been written.
    """
    torch.set_num_threads(threads)
    training, steps = settings.training, shipped_steps(settings.codebook_size)
    with PartialState(cpu=not torch.cuda.is_available(), timeout=_CODING).main_process_first():
        write_proteins(collection, settings.codebook_size, settings.frames, work_folder / "proteins")
    proteins, held_out = (Proteins(work_folder / "proteins", split) for split in ("train", "validation"))
    examples = Windows(proteins, training, len(steps), training.steps * training.batch_size, settings.seed, False)
    judged = Windows(held_out, training, len(steps), training.validation_windows, _VALIDATION_SEED, True)
    statistics = TypeStatistics.fit(proteins, len(steps))

    set_seed(settings.seed)
    network = BaseNetwork(steps, settings.network.width, settings.network.blocks, settings.network.dropout)
    with torch.no_grad():
        network.pair_statistics.weight.copy_(torch.from_numpy(np.log(statistics.pair)).flatten(0, 1))
    started = time.monotonic()
    collate = partial(joined, hidden=len(steps))
    with watch_for_preemption() as preemption:
        trainer = Trainer(
            model=Judged(network, steps),
            args=_arguments(settings, work_folder, threads),
            train_dataset=examples,
            eval_dataset=judged,
            data_collator=collate,
            compute_metrics=_measures,
            callbacks=[StopWhenPreempted(preemption), KeepBestAndNewest(), ProgressBar()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.model_accepts_loss_kwargs = False  # `forward` takes keywords, but the fields of a view alone
        with PartialState().main_process_first():
            start = newest_checkpoint(work_folder)
        if start is None or read_state(start).global_step < training.steps:
            trainer.train(resume_from_checkpoint=None if start is None else str(start))
        state = read_state(newest_checkpoint(work_folder))
        if preemption.requested and state.global_step < training.steps:
            preemption.leave(f"step {state.global_step}")
    if state.best_global_step is None:
        raise InputError("training.learning_rate: the validation loss is not a number; lower the learning rate")

    best = next(e for e in state.log_history if e["step"] == state.best_global_step and "eval_nats_per_code" in e)
    trained = Judged(network, steps)
    trained.load_state_dict(load_file(best_checkpoint(work_folder, state) / "model.safetensors"))
    batch = collate([judged[number] for number in range(len(judged))])
    offsets = trained.views.cpu().offsets(batch)
    types = trained.views.cpu()(batch).residue_types[:, TYPES_AROUND - 1 : TYPES_AROUND + 1].numpy()
    labels = batch["labels"].numpy()
    record = {
        "settings": settings.model_dump(mode="json"),
        "network": settings.network.model_dump(mode="json"),
        "validation_loss": state.best_metric,
        "baseline_residue_types": statistics.single_loss(types, labels),
        "baseline_pairs_of_types": statistics.pair_loss(types, labels),
        **{name: best[f"eval_{name}"] for name in _OFFSETS},
        "offset_none_nm": float(offsets[:, :3].norm(dim=1).mean()),
        "offset_none_rad": float(offsets[:, 3:].norm(dim=1).mean()),
        "validation_codes": len(labels),
        "validation_proteins": len(held_out),
        "training_proteins": len(proteins),
        "steps": state.global_step,
        "best_step": state.best_global_step,
        "parameters": sum(value.numel() for value in network.parameters()),
        "training_seconds": round(time.monotonic() - started, 1),
        "device": torch.cuda.get_device_name() if trainer.args.device.type == "cuda" else "cpu",
        "processes": processes(),
        "threads": threads,
    }
    if trainer.args.process_index == 0:
        Base(steps, network.cpu().eval(), statistics, record).save(output)
        training_log(state, 1.0).to_csv(output / "training_log.csv", index=False)
    PartialState().wait_for_everyone()
    logger.info(
        "validation loss %.3f nats per hidden code (step %d of %d); residue types %.3f, pairs of types %.3f",
        *(record[key] for key in ("validation_loss", "best_step", "steps")),
        *(record[key] for key in ("baseline_residue_types", "baseline_pairs_of_types")),
    )
    return record


def _measures(evaluation) -> dict[str, float]:
    *sums, rows = evaluation.predictions.sum(0, dtype=float)
    return {name: value / rows for name, value in zip(("nats_per_code", *_OFFSETS), sums, strict=True)}


def _arguments(settings: BaseSettings, work_folder: Path, threads: int) -> TrainingArguments:
    """On a GPU all threads but one draw windows; without one, this process does."""
    training, device = settings.training, chosen_device("auto").type
    if training.batch_size % processes():
        raise InputError(
            f"training.batch_size {training.batch_size} cannot be shared evenly among {processes()} processes; change "
            "the resource `gpu`, or batch_size"
        )
    every = min(training.evaluate_every, training.steps)
    return TrainingArguments(
        output_dir=str(work_folder),
        max_steps=training.steps,
        per_device_train_batch_size=training.batch_size // processes(),
        per_device_eval_batch_size=training.batch_size // processes(),
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        warmup_steps=training.warmup_steps,
        lr_scheduler_type="cosine",
        adam_beta2=0.98,
        max_grad_norm=1.0,
        use_cpu=device == "cpu",
        dataloader_num_workers=0 if device == "cpu" else threads - 1,
        ddp_find_unused_parameters=False,
        seed=settings.seed,
        data_seed=settings.seed,
        logging_steps=50,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        metric_for_best_model="nats_per_code",
        greater_is_better=False,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["disturbed"],  # of its fields one with a row for each window; measures look at none
    )
