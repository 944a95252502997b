"""The log-likelihood of any trajectory under a trained model, forwards and backwards in time.

``mdllm likelihood results/SYSTEM/VARIANT topology trajectory``

A frame's log-likelihood is that of its codes, given those of the N frames before it; backwards, given those of the N
frames after it, in reversed order. In equilibrium time has no direction, and the mean difference of both, the rate of
entropy production in units of Boltzmann's constant per frame (Seifert, Rep. Prog. Phys. 75, 126001, 2012, eq. 60, for
a Markov chain), is zero; where it is not, the trajectory relaxes, is driven, or is none of a molecule.

Axes: F frames, L residues, W windows.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mdllm.collections.frames import trajectory_run
from mdllm.core.bootstrap import interval_of_mean
from mdllm.core.errors import InputError
from mdllm.core.geometry import C
from mdllm.core.records import read_json
from mdllm.core.sequences import sequence
from mdllm.core.trajectories import open_backbone
from mdllm.language.forms import Language, load_language
from mdllm.language.windows import Windows
from mdllm.models.base import load_model
from mdllm.models.training.objective import objective
from mdllm.models.training.train import collate
from mdllm.tokenizers.base import load_tokenizer

logger = logging.getLogger(__name__)
_DIRECTIONS = ("forward_nats", "backward_nats")
_BATCH = 64
_BLOCKS = 20  # of a trajectory, over which the error of the rate is taken


def likelihood_of_trajectory(
    tokens: Path, model: Path, prepared: Path, topology: Path, trajectory: Path
) -> pd.DataFrame:
    """A row for each frame: frame, segment, forward_nats and backward_nats; NaN without N frames before or after it.

    Args:
        tokens: the folder that the tokenizer was fitted into, with `tokenizer`.
        model: the folder `model` that training wrote.
        prepared: topology of the prepared frames, whose sequence the trajectory must have.
        topology, trajectory: any files that MDAnalysis reads, of one chain, their frames as far apart in time as those
            of the model's windows.

    Raises:
        InputError: another sequence, a damaged frame, or no segment of N + 1 frames.
    """
    report, language = read_json(model / "training.json"), load_language(model / "vocabulary.json")
    run = trajectory_run(topology, trajectory, None, label=trajectory.name)
    letters = sequence(open_backbone(prepared).residues.resnames)
    if run.sequence != letters:
        raise InputError(f"{topology} is of another molecule: {run.sequence}, and the model was trained on {letters}")
    tokenizer, network = load_tokenizer(tokens / "tokenizer"), load_model(model)
    context, parts = report["context_frames"], []
    for segment, backbone in _segments(run):
        codes = tokenizer.encode(backbone[:, :, : C + 1])
        parts.append(likelihood_of_codes(codes, language, network, context).assign(segment=segment))
    table = pd.concat(parts, ignore_index=True)
    if table["forward_nats"].isna().all():
        raise InputError(
            f"{trajectory}: no segment has the {context + 1} frames of a window (language.context_frames and one more)"
        )
    return table.assign(frame=np.arange(len(table)))[["frame", "segment", *_DIRECTIONS]]


def likelihood_of_codes(codes: np.ndarray, language: Language, network, context: int) -> pd.DataFrame:
    """`forward_nats` and `backward_nats` of frames of codes (F, L) that follow each other."""
    both = (
        _given_those_before(codes, language, network, context),
        _given_those_before(codes[::-1], language, network, context)[::-1],
    )
    return pd.DataFrame(dict(zip(_DIRECTIONS, both, strict=True)))


def entropy_production(table: pd.DataFrame) -> tuple[float, float, float]:
    """Mean of forward minus backward log-likelihood per frame, with its 95 % interval over blocks of the trajectory."""
    both = table.dropna()
    block = np.arange(len(both)) * min(_BLOCKS, len(both)) // len(both)
    difference = (both[_DIRECTIONS[0]] - both[_DIRECTIONS[1]]).to_numpy()
    found = interval_of_mean(difference, block, 0.95, 2000, np.random.default_rng(0))
    return found.value, found.low, found.high


def _segments(run) -> Iterator[tuple[int, np.ndarray]]:
    """Number and frames (F, L, 4, 3) of the segments of a run."""
    parts: dict[int, list[np.ndarray]] = {}
    for segment, frames in run.chunks():
        parts.setdefault(segment, []).append(frames)
    yield from ((segment, np.concatenate(frames)) for segment, frames in parts.items())


@torch.inference_mode()
def _given_those_before(codes: np.ndarray, language: Language, network, context: int) -> np.ndarray:
    """Log-likelihoods (F,) in nats of frames of codes (F, L), NaN for the first `context` of them."""
    found = np.full(len(codes), np.nan)
    starts = np.arange(max(len(codes) - context, 0))
    windows, aim = Windows(codes, language, context, starts, "last", False), objective(language, network.device)
    batches = [starts[first : first + _BATCH] for first in range(0, len(starts), _BATCH)]
    for batch in tqdm(batches, desc="likelihood", unit="batch", mininterval=1):
        made = {key: value.to(network.device) for key, value in collate([windows[i] for i in batch]).items()}
        judged = aim.judged(network(made["input_ids"]).logits, made["labels"])
        found[batch + context] = judged.reshape(len(batch), -1).mean(1).cpu().numpy() * codes.shape[1]
    return found
