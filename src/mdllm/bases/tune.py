"""What the training frames of a system, or of a similar one, know, joined with what a base knows.

A copy of the base's network goes on to learn, from windows of these frames alone, and its probabilities are
joined with the base's as a product, p ~ p_tuned^w p_base^(1 - w). Trained on one state, it has forgotten the others;
so the base may be left alone where the drawing stands on a code that the training frames never show at that residue.

Axes: B rows, F frames, L residues, K codes.
"""

import copy
import logging
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from mdllm.bases.base import Base, Told
from mdllm.bases.examples import Mixed, Windows, joined
from mdllm.bases.objective import Judged
from mdllm.bases.proteins import CodedWhenAsked, Protein
from mdllm.bases.settings import BaseSettings, BaseTrainingSettings, TuningSettings
from mdllm.bases.spans import Knowledge, Molecule
from mdllm.bases.views import Views
from mdllm.collections.reader import Collection

logger = logging.getLogger(__name__)

BASE, TUNED = "base", "tuned"  # the parts that are joined
# Codes to the left of a residue that the drawing stands on.
_STANDS_ON = 2


def tuned(
    base: Base,
    frames: np.ndarray,
    molecule: Molecule,
    settings: TuningSettings,
    seed: int,
    collection: Collection | None = None,
) -> Base:
    """The base after `settings.steps` updates on training frames (F, L, 3, 3) of N, CA, C in nm.

    Args:
        collection: where `settings.mixed` asks for it, whose training proteins share the updates.

    Raises:
        InputError: it has none.
    """
    # Every job that draws from a base reads this module, and few tune one; the Trainer takes seconds to import.
    from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed

    from mdllm.models.training.callbacks import ProgressBar

    starts = np.flatnonzero(molecule.starts.numpy())
    protein = Protein.of_frames(frames, molecule.residue_types.numpy(), starts, base.steps)
    whole = max(frames.shape[1], BaseTrainingSettings().longest_span + 1)
    training = BaseTrainingSettings(window=whole)
    count = settings.steps * training.batch_size
    windows = Windows([protein], training, base.hidden, count, seed, False)
    if settings.mixed is not None:
        learned = BaseSettings.model_validate(base.record["settings"])
        others = CodedWhenAsked(collection, base.steps, learned.frames)
        of_others = Windows(others, learned.training, base.hidden, count, seed, False)
        windows = Mixed(windows, of_others, settings.mixed.share)
    set_seed(seed)
    network = copy.deepcopy(base.network)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=Judged(network, base.steps),
            args=TrainingArguments(
                output_dir=folder,
                max_steps=settings.steps,
                per_device_train_batch_size=training.batch_size,
                learning_rate=settings.learning_rate,
                weight_decay=training.weight_decay,
                lr_scheduler_type="cosine",
                adam_beta2=0.98,
                max_grad_norm=1.0,
                use_cpu=True,
                seed=seed,
                logging_strategy="no",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                remove_unused_columns=False,
            ),
            train_dataset=windows,
            data_collator=partial(joined, hidden=base.hidden),
            callbacks=[ProgressBar()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.model_accepts_loss_kwargs = False
        loss = trainer.train().training_loss
    logger.info("tuned on %d frames, %d updates: mean loss %.3f", len(frames), settings.steps, loss)
    return replace(base, network=network.eval())


def joined_with(
    base: Base, tuned: Base, frames: np.ndarray, settings: TuningSettings, twins: np.ndarray | None = None
) -> Knowledge:
    """The product of both, and where frames (F, L, 3, 3) give no support, if `settings.gated`, the base alone.

    Args:
        twins: where the frames are of another molecule, its residue for each residue of this one; -1: there is none,
            and no support.
    """
    twins = np.arange(frames.shape[1]) if twins is None else twins
    shown = np.zeros((len(twins), base.hidden + 1), bool)
    there = np.flatnonzero(twins >= 0)
    shown[there, base.steps.nearest(frames)[:, twins[there]]] = True
    shown[:, base.hidden] = True  # nothing stands there
    shown = torch.from_numpy(shown)

    def knowledge(view: Callable[[], Views], residue: int) -> Told:
        seen = view()
        prior, own = base.tell(seen), tuned.tell(seen)
        weight = torch.full((len(prior.log_probabilities), 1), settings.weight, dtype=torch.float64)
        if settings.gated:
            for left in range(1, min(_STANDS_ON, residue) + 1):
                weight = weight * shown[residue - left][seen.codes_left[:, -left]][:, None]
        log_p = weight * own.log_probabilities + (1 - weight) * prior.log_probabilities
        return Told(
            log_p.log_softmax(-1),
            lambda codes: weight * own.offsets(codes) + (1 - weight) * prior.offsets(codes),
            {BASE: prior.log_probabilities, TUNED: own.log_probabilities},
        )

    return knowledge
