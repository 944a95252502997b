"""Train SeqDance or ESMDance from each seed, and judge what each has learned on the validation proteins.

Losses are relative: 1 is what predicting the mean of every property reaches on the training proteins. The best of all
validations is kept. Axes: B proteins, G groups, P the 63 properties.
"""

import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import PartialState
from safetensors.torch import load_file
from transformers import PrinterCallback, Trainer, TrainerState, TrainingArguments, set_seed

from mdllm.core.errors import InputError
from mdllm.core.records import write_json
from mdllm.models.base import chosen_device, processes
from mdllm.models.training.callbacks import ProgressBar, StopWhenPreempted
from mdllm.models.training.checkpoints import KeepBestAndNewest, best_checkpoint, newest_checkpoint, read_state
from mdllm.models.training.train import training_log
from mdllm.run.preemption import watch_for_preemption
from mdllm.seqdance import judge
from mdllm.seqdance.baselines import fit
from mdllm.seqdance.examples import Draws, Judged, Proteins, collate
from mdllm.seqdance.families import PAIR, RESIDUE
from mdllm.seqdance.loss import errors, protein_losses, weights
from mdllm.seqdance.model import RECORD, save
from mdllm.seqdance.network import DanceNetwork, esmdance, seqdance
from mdllm.seqdance.released import esm2
from mdllm.seqdance.settings import DanceSettings, PropertyFiles
from mdllm.seqdance.storage import PROTEINS, PropertyReader, read_proteins

logger = logging.getLogger(__name__)
_METRIC = "relative_error"


class _Learner(torch.nn.Module):
    """A network as the Trainer wants it: errors (B, P) and group (B, 1) of a batch, and the loss.

    Args:
        of_group: weights (G, P) of the errors.
    """

    def __init__(self, network: DanceNetwork, of_group: torch.Tensor, epsilon: float):
        super().__init__()
        self.network, self.epsilon = network, epsilon
        self.register_buffer("of_group", of_group, persistent=False)

    def forward(
        self, tokens: torch.Tensor, residue: torch.Tensor, pair: torch.Tensor, group: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        found = self.network(tokens)
        of_proteins = torch.cat(
            [errors(found.residue, residue, self.epsilon), errors(found.pair, pair, self.epsilon)], -1
        )
        loss = protein_losses(of_proteins, self.of_group[group]).mean()
        return {"loss": loss, "logits": torch.cat([of_proteins, group[:, None].to(of_proteins.dtype)], -1)}


def train_dance(settings: DanceSettings, properties: Path, work_folder: Path, output: Path, threads: int) -> dict:
    """Train a model from each seed.

    Writes `seed_N/`, `validation.csv`, `training_log.csv`, `proteins.csv` and `dance.json` into `output`. A run that
    was killed goes on from its newest checkpoint in `work_folder`, which must belong to these settings.

    Args:
        properties: folder with `proteins.csv` and the HDF5 files of a collection; of `data.type: files`, not read.

    Returns:
        the content of `dance.json`.

    Raises:
        InputError: data that cannot be read, groups without validation, a training that diverges.
        SystemExit: SIGTERM arrived; a checkpoint has been written.
    """
    torch.set_num_threads(threads)
    training, held_out = split_proteins(settings, properties)
    longest = settings.training.crops[-1].residues
    judged = Judged(held_out, settings.training.validation_proteins, longest)
    baselines, spread = fit(training)
    of_group = weights(torch.from_numpy(spread).float(), settings.loss)
    if not of_group.any():
        raise InputError("the training proteins have no property that differs between them; give more proteins")
    tables, records, logs = [], [], []
    for seed in settings.seeds:
        set_seed(seed)
        network = new_network(settings)
        if settings.training.start_at_means:
            network.start_at(*map(torch.from_numpy, baselines["mean"].means()))
        work = work_folder / f"seed_{seed}"
        network, record, log = _train(network, settings, training, judged, of_group, seed, work, threads)
        logs.append(log.assign(seed=seed))
        if PartialState().is_main_process:
            table, verdict = judge.validation(network, judged, baselines, of_group.numpy(), spread)
            tables.append(table.assign(seed=seed))
            records.append(record | verdict | _learned(settings, of_group))
            save(network, settings.network.dropout, records[-1], output / f"seed_{seed}")
    summary = {
        "settings": settings.model_dump(mode="json"),
        "model": f"seed_{settings.seeds[0]}",
        "groups": {
            group: {"training": len(members), "validation": len(held_out.members[number])}
            for number, (group, members) in enumerate(zip(training.groups, training.members, strict=True))
        },
        "seeds": records,
        "device": str(chosen_device()),
        "processes": processes(),
        "threads": threads,
    }
    if PartialState().is_main_process:
        known = pd.concat([*training.members, *held_out.members])
        known[["name", "sequence", "group", "split"]].to_csv(output / PROTEINS, index=False)
        pd.concat(tables).to_csv(output / "validation.csv", index=False)
        pd.concat(logs).to_csv(output / "training_log.csv", index=False)
        write_json(output / RECORD, summary)
    PartialState().wait_for_everyone()
    return summary


def _learned(settings: DanceSettings, of_group: torch.Tensor) -> dict:
    """What a model's outputs mean: how contacts were given, and which properties had no targets that differ."""
    untrained = [name for name, known in zip((*RESIDUE, *PAIR), of_group.any(0).tolist(), strict=True) if not known]
    return {"contacts": getattr(settings.data, "contacts", "cube_root"), "untrained": untrained}


def split_proteins(settings: DanceSettings, properties: Path) -> tuple[Proteins, Proteins]:
    """Proteins for training and for validation.

    Raises:
        InputError: a file or table that cannot be read, or a group without proteins for one of both.
    """
    data = settings.data
    given = isinstance(data, PropertyFiles)
    files = data.files if given else sorted(Path(properties).glob("*.h5"))
    path = Path(data.proteins) if given else Path(properties) / PROTEINS
    table = read_proteins(path)
    reader = PropertyReader(
        files,
        cube_root=not given or data.contacts == "cube_root",
        symmetric=settings.network.symmetric,
        undefined_as_zero=settings.loss.undefined_angles == "zero",
    )
    groups = sorted(set(table["group"]))
    for split in ("train", "validation"):
        own = table[table["split"] == split]
        if lacking := sorted(set(groups) - set(own["group"])):
            raise InputError(f"{path}: group {lacking[0]} has no protein with the split {split}")
    return tuple(Proteins(table[table["split"] == split], groups, reader) for split in ("train", "validation"))


def new_network(settings: DanceSettings) -> DanceNetwork:
    """The network that is trained, its heads (and the encoder of SeqDance) with random weights."""
    chosen = settings.network
    if chosen.name == "seqdance":
        return seqdance(chosen)
    return esmdance(esm2(chosen.encoder, chosen.encoder_sha256), chosen.dropout, chosen.symmetric)


def _train(
    network: DanceNetwork,
    settings: DanceSettings,
    proteins: Proteins,
    judged: Judged,
    of_group: torch.Tensor,
    seed: int,
    work_folder: Path,
    threads: int,
) -> tuple[DanceNetwork, dict, pd.DataFrame]:
    """The network of the best validation on the CPU, what is recorded of it, and its log."""
    learner = _Learner(network, of_group, settings.loss.epsilon)
    started = time.monotonic()
    steps = settings.training.steps
    with watch_for_preemption() as preemption:
        trainer = Trainer(
            model=learner,
            args=_arguments(settings, seed, work_folder, threads),
            train_dataset=Draws(proteins, settings.training, seed),
            eval_dataset=judged,
            data_collator=collate,
            compute_metrics=lambda evaluation: {_METRIC: _relative_error(evaluation.predictions, of_group)},
            callbacks=[StopWhenPreempted(preemption), KeepBestAndNewest(), ProgressBar(_METRIC)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.model_accepts_loss_kwargs = False
        trainer.can_return_loss = True  # the targets have no labels among them by which the Trainer would know
        with PartialState().main_process_first():
            start = newest_checkpoint(work_folder)
        if start is None or read_state(start).global_step < steps:
            trainer.train(resume_from_checkpoint=None if start is None else str(start))
        state = read_state(newest_checkpoint(work_folder))
        if preemption.requested and state.global_step < steps:
            preemption.leave(f"seed {seed}, step {state.global_step}")
    _require_a_best(state)
    learner.cpu().load_state_dict(load_file(best_checkpoint(work_folder, state) / "model.safetensors"))
    record = {
        "seed": seed,
        "validation_loss": state.best_metric,
        "best_step": state.best_global_step,
        "steps": state.global_step,
        "parameters": sum(value.numel() for value in learner.parameters()),
        "trained_parameters": sum(value.numel() for value in learner.parameters() if value.requires_grad),
        "training_seconds": round(time.monotonic() - started, 1),
    }
    return learner.network.eval(), record, training_log(state, 1.0, _METRIC)


def _require_a_best(state: TrainerState) -> None:
    if state.best_global_step is None:
        raise InputError("training.learning_rate: the validation loss is not a number; lower the learning rate")


def _relative_error(predictions: np.ndarray, of_group: torch.Tensor) -> float:
    """Mean loss of each group, all groups alike, of errors and groups (B, P + 1)."""
    group = predictions[:, -1].astype(int)
    losses = protein_losses(torch.from_numpy(predictions[:, :-1]), of_group[group]).numpy()
    return float(np.mean([losses[group == number].mean() for number in np.unique(group)]))


def _arguments(settings: DanceSettings, seed: int, work_folder: Path, threads: int) -> TrainingArguments:
    training = settings.training
    parts = processes() * training.accumulation
    if training.batch_size % parts:
        raise InputError(
            f"training.batch_size {training.batch_size} cannot be shared evenly among {processes()} processes in "
            f"{training.accumulation} parts; change the resource `gpu`, accumulation or batch_size"
        )
    on_cpu = chosen_device("auto").type == "cpu"
    if on_cpu and training.precision == "float16":
        raise InputError("training.precision: float16 needs a GPU; choose bfloat16 or float32 here")
    every = min(training.evaluate_every, training.steps)
    return TrainingArguments(
        output_dir=str(work_folder),
        max_steps=training.steps,
        per_device_train_batch_size=training.batch_size // parts,
        per_device_eval_batch_size=max(1, training.batch_size // parts),
        gradient_accumulation_steps=training.accumulation,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        warmup_steps=training.warmup_steps,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={
            "num_decay_steps": training.steps - training.warmup_steps,
            "decay_type": "linear",
            "min_lr_ratio": training.final_learning_rate,
        },
        adam_beta1=training.adam_betas[0],
        adam_beta2=training.adam_betas[1],
        max_grad_norm=1.0,
        fp16=training.precision == "float16",
        bf16=training.precision == "bfloat16",
        use_cpu=on_cpu,
        ddp_find_unused_parameters=False,
        train_sampling_strategy="sequential",
        dataloader_num_workers=max(threads - 1, 0),
        seed=seed,
        data_seed=seed,
        logging_steps=min(50, every),
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        metric_for_best_model=_METRIC,
        greater_is_better=False,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )
