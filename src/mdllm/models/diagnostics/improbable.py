"""How often a model draws improbable codes and how often MD has them: what `rollout.epsilon_cutoff` is chosen by.

``mdllm improbable results/SYSTEM/VARIANT/tokens/codes.npz results/SYSTEM/VARIANT/model ...``

A network gives every code some probability, those that never follow in MD as well (Hewitt et al., arXiv 2210.15191:
what is learned is the truth, smoothed). Where a passage is rare, a few such jumps from state to state are a large share
of all passages. Of a calibrated model, codes of a probability below a cutoff follow in MD as often as it draws them;
where MD has far fewer, they can be cut off. No kinetics are looked at, and only frames that training has not seen.

Axes: R windows, T tokens, L residues, K codebook size.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mdllm.core.errors import InputError
from mdllm.core.records import read_json
from mdllm.language.forms import load_language
from mdllm.language.series import CodeSeries
from mdllm.language.vocabulary import Vocabulary
from mdllm.language.windows import window_starts
from mdllm.models.base import load_model
from mdllm.models.likelihood import code_log_probabilities

CUTOFFS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
_WINDOWS, _BATCH = 12_000, 1000


@torch.inference_mode()
def improbable(codes_file: Path, model_folder: Path, cutoffs=CUTOFFS, windows: int = _WINDOWS) -> pd.DataFrame:
    """Table of cutoff, share_drawn and share_in_md: shares of codes whose probability lies below the cutoff.

    `share_drawn` is the mean probability that the model gives to all of them together, `share_in_md` the share of MD's
    codes that are among them, both over the later half of validation windows.

    Args:
        codes_file: npz that `CodeSeries.load` reads, of the training.
        model_folder: the folder `model` that it wrote.
        windows: at most so many, evenly spread.

    Raises:
        InputError: a model of text, or one that advances by several frames.
    """
    series, report = CodeSeries.load(codes_file), read_json(model_folder / "training.json")
    vocabulary, model = load_language(model_folder / "vocabulary.json"), load_model(model_folder)
    if not isinstance(vocabulary, Vocabulary) or report.get("frames_per_step", 1) > 1:
        raise InputError(f"{model_folder}: only of models of codes, frame by frame, can improbable codes be counted")
    context = report["context_frames"]
    first = report["training_frames"] + context
    starts = first + window_starts(series.stretches()[first:], context + 1, 1)
    starts = starts[np.unique(np.linspace(0, len(starts) - 1, windows).round().astype(int))]
    half = (context + 1) // 2 * series.residues
    ids = torch.as_tensor(vocabulary.ids, device=model.device)
    below, found, count = np.zeros(len(cutoffs)), np.zeros(len(cutoffs)), 0
    for batch in np.array_split(starts, -(-len(starts) // _BATCH)):
        codes = series.codes[batch[:, None] + np.arange(context + 1)]
        tokens = torch.as_tensor(vocabulary.encode(codes), device=model.device)
        logits = model(tokens).logits
        for position in range(half, tokens.shape[1]):
            residue = position % series.residues
            p = code_log_probabilities(logits[:, position - 1], ids[residue]).double().exp().cpu().numpy()
            chosen = np.take_along_axis(p, codes[:, position // series.residues, residue, None], 1)
            below += [p[p < cutoff].sum() for cutoff in cutoffs]
            found += [(chosen < cutoff).sum() for cutoff in cutoffs]
            count += len(p)
    return pd.DataFrame({"cutoff": cutoffs, "share_drawn": below / count, "share_in_md": found / count})
