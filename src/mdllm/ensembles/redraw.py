"""Redraw: training frames with spans of residues redrawn, by a base over many proteins, and by nulls in the same way.

Every variant has the null `residue_types`: what a reader would think of first, residues drawn one by one from the
statistics of their type in other proteins, their chain closed as well as it can be. A variant whose model is a base
has its own structures from here too, and the null `frequencies`, codes as frequent as in the training frames; all
three redraw the same spans of the same frames.

Where frames have joined the training frames after rounds of proposals, each round's are as often a start as those of
the trajectory: few as they are, they are where the trajectory has never been.

Axes: R groups of one span, T structures of a group, L residues.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mdllm.bases.base import find_base, load_base
from mdllm.bases.propose import Proposals, Proposer
from mdllm.bases.settings import COMES_WITH_MDLLM, BaseModelSettings, ProposalSettings, TuningSettings
from mdllm.bases.spans import of_base, of_frequencies, of_residue_types
from mdllm.bases.tune import joined_with, tuned
from mdllm.collections.reader import Collection
from mdllm.config.choices import ModelSettings
from mdllm.config.settings.stages import RedrawSettings, RolloutSettings
from mdllm.config.settings.system import TrainingSet
from mdllm.core.errors import InputError
from mdllm.core.records import write_json, write_npz
from mdllm.core.sequences import homologous_pairs, sequence
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.ensembles.names import FREQUENCIES, MODEL, RESIDUE_TYPES
from mdllm.language.series import CodeSeries
from mdllm.prepare.training_set import JOINED, select_training_frames

logger = logging.getLogger(__name__)

STRUCTURES, RECORD = "structures.npz", "redrawn.json"
_RECORDED = (
    *("validation_loss", "baseline_residue_types", "baseline_pairs_of_types", "validation_codes"),
    *("validation_proteins", "training_proteins", "parameters"),
)


@dataclass(frozen=True)
class Taught:
    """The training frames of another system, that a tuned base learns from.

    Attributes:
        topology, trajectory, frames: its prepared backbones, and the table `frames.parquet`.
        training_set: which of them.
    """

    topology: Path
    trajectory: Path
    frames: Path
    training_set: TrainingSet

    def read(self) -> tuple[np.ndarray, str]:
        """N, CA, C (F, L, 3, 3) in nm, and the sequence (L)."""
        universe = open_backbone(self.topology, self.trajectory)
        chosen = select_training_frames(pd.read_parquet(self.frames), self.training_set)
        backbone = read_backbone(universe, chosen.index)[:, :, :3].astype(float)
        return backbone, sequence(universe.residues.resnames)


def redraw(
    topology: Path,
    trajectory: Path,
    frames: pd.DataFrame,
    codes: Path,
    model: ModelSettings | None,
    rollout: RolloutSettings | None,
    null: RedrawSettings | None,
    seed: int,
    output: Path,
    collection: Path | None = None,
    taught: Taught | None = None,
) -> dict:
    """Write `structures.npz` and `redrawn.json` into `output`.

    The former holds, for each of the sources, N, CA, C (R, T, L, 3, 3) in nm, float32, and, where there is a model,
    `log_likelihood` and `entropy` (R, T) in nats of the codes that were drawn for it, and `codes` (R, T, L) of its
    structures; of a product also `log_likelihood_base` and `log_likelihood_tuned` (R, T), of the same codes under the
    base and under its tuned copy alone. The latter says what the base is, and in `not_redrawn` how many of each source
    could not be closed and are as they were.

    Args:
        topology, trajectory, frames: prepared backbones, and the table `frames.parquet`, of which `frame` is read, and
            `round` where there is one.
        codes: of the training frames, which are redrawn.
        model: the config section `model` where it is a base, which then makes the structures of the model; otherwise
            the base that comes with mdllm makes the null.
        rollout: how many, where `model` is a base: `replicas` groups of `frames` structures.
        null: how many, where it is none.
        collection: folder of the one that `model.tuning.mixed` names, if it does.
        taught: the system that `model.tuning.system` names, if it does.

    Raises:
        InputError: there is no such base, it speaks of other codes than the tokenizer of the variant, or the collection
            has no training protein.
    """
    series = CodeSeries.load(codes)
    universe = open_backbone(topology, trajectory)
    rows = np.flatnonzero(frames["frame"].isin(series.frame))
    backbone = read_backbone(universe, rows)[:, :, :3].astype(float)
    is_base = isinstance(model, BaseModelSettings)
    base = load_base(find_base(model.base if is_base else COMES_WITH_MDLLM))
    if is_base and base.hidden != series.codebook_size:
        raise InputError(
            f"base {model.base} speaks of {base.hidden} codes, and tokenizer.codebook_size is {series.codebook_size}; "
            f"set it to {base.hidden}"
        )
    letters = sequence(universe.residues.resnames)
    sources = {RESIDUE_TYPES: of_residue_types(base, letters)}
    if is_base:
        spans = {**model.spans.model_dump(), "temperature": rollout.temperature, "group": rollout.frames}
        settings, groups = ProposalSettings(**spans), rollout.replicas
    else:
        settings, groups = ProposalSettings(), null.null_groups
    starts = backbone
    if JOINED in frames:
        starts = backbone[as_often(frames[JOINED].to_numpy()[rows])]
    proposer = Proposer(base, starts, letters, settings)
    if is_base:
        knowledge = of_base(base)
        if model.tuning is not None:
            lesson, molecule, twins = backbone, proposer.molecule, None
            if taught is not None:
                lesson, theirs = taught.read()
                twins = twins_of(letters, theirs, model.tuning)
                molecule = Proposer(base, lesson, theirs, settings).molecule
            others = collection and Collection(collection)
            own = tuned(base, lesson, molecule, model.tuning, seed, others)
            knowledge = joined_with(base, own, lesson, model.tuning, twins)
        sources = {MODEL: knowledge, FREQUENCIES: of_frequencies(base, backbone), **sources}
    made: dict[str, list[Proposals]] = {
        source: [
            proposer.group(number, seed, knowledge)
            for number in tqdm(range(groups), desc=f"redraw, {source}", unit="group", mininterval=1)
        ]
        for source, knowledge in sources.items()
    }
    arrays = {
        source: np.stack([group.backbone for group in found]).astype(np.float32) for source, found in made.items()
    }
    if is_base:
        flat = arrays[MODEL].reshape(-1, *backbone.shape[1:]).astype(float)
        arrays["codes"] = proposer.coder.codes(flat).reshape(arrays[MODEL].shape[:3])
        arrays |= {
            key: np.stack([getattr(group, key) for group in made[MODEL]]) for key in ("log_likelihood", "entropy")
        }
        arrays |= {
            f"log_likelihood_{name}": np.stack([group.of_parts[name] for group in made[MODEL]])
            for name in made[MODEL][0].of_parts
        }
    write_npz(output / STRUCTURES, **arrays)
    kept = {source: int(sum((group.changed == 0).sum() for group in found)) for source, found in made.items()}
    about = {"base": model.base if is_base else COMES_WITH_MDLLM, **{key: base.record[key] for key in _RECORDED}}
    write_json(output / RECORD, {**about, "settings": settings.model_dump(mode="json"), "not_redrawn": kept})
    logger.info(
        "%d structures of each of %s; as they were, since no drawing could be closed: %s",
        *(groups * settings.group, ", ".join(sources), ", ".join(f"{n} of {source}" for source, n in kept.items())),
    )
    return {"structures": groups * settings.group, "not_redrawn": kept}


def twins_of(ours: str, theirs: str, tuning: TuningSettings) -> np.ndarray:
    """The residue of another sequence that each residue (L,) of ours lies on; -1: none.

    Raises:
        InputError: there is none at all, and they alone give support.
    """
    pairs = homologous_pairs(ours, theirs)
    if not pairs and tuning.gated:
        raise InputError(
            f"no residue of system {tuning.system} lies on one of this system in an alignment of their sequences, so "
            "the base would be alone everywhere; say gated: false, or take a similar protein"
        )
    twins = np.full(len(ours), -1)
    for own, other in pairs:
        twins[own] = other
    logger.info("%d of %d residues have one that they learn from", len(pairs), len(ours))
    return twins


def as_often(group: np.ndarray) -> np.ndarray:
    """Rows of frames, repeated until those of each group (F,) are about as many as those of the largest."""
    members = [np.flatnonzero(group == name) for name in np.unique(group)]
    most = max(map(len, members))
    return np.concatenate([np.tile(rows, round(most / len(rows))) for rows in members])
