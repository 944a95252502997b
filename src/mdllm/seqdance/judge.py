"""What a model predicts of proteins that it was not trained on, beside the baselines, property by property.

Axes: N proteins, P the 63 properties.
"""

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mdllm.core.bootstrap import interval_of_mean
from mdllm.seqdance.baselines import Baseline, mean_of_known
from mdllm.seqdance.examples import Example, Judged
from mdllm.seqdance.families import PAIR, RESIDUE
from mdllm.seqdance.loss import errors
from mdllm.seqdance.network import DanceNetwork

MODEL = "model"
_CONFIDENCE, _RESAMPLES = 0.95, 2000


@torch.inference_mode()
def predicted(network: DanceNetwork, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residue (T, 50) and pair (T, T, 13) properties of tokens (T,)."""
    found = network(torch.from_numpy(tokens)[None])
    return found.residue[0].numpy(), found.pair[0].numpy()


def validation(
    network: DanceNetwork, judged: Judged, baselines: dict[str, Baseline], of_group: np.ndarray, spread: np.ndarray
) -> tuple[pd.DataFrame, dict]:
    """Errors and correlations of model and baselines, and who is better.

    Args:
        of_group: weights (G, P) of the loss.
        spread: (G, P) error of predicting the mean, on the training proteins.

    Returns:
        a table of group, property, predictor, rmse (mean of the proteins), relative_error (over the spread),
        pearson_median (over proteins, along residues or pairs of a protein) and proteins; and of each baseline
        `loss`, and `model_minus_baseline` with its 95 % interval over proteins.
    """
    groups = judged.proteins.groups
    found = {name: ([], []) for name in (MODEL, *baselines)}
    of_protein = []
    for index in tqdm(range(len(judged)), desc="validation", unit="protein", mininterval=1):
        example = judged[index]
        of_protein.append(example.group)
        for name, (wrong, alike) in found.items():
            values = (
                predicted(network, example.targets.tokens)
                if name == MODEL
                else baselines[name].predict(example.targets.tokens, example.group)
            )
            wrong.append(_errors(values, example))
            alike.append(_pearson(values, example))
    group = np.array(of_protein)
    rows, losses = [], {}
    for name, (wrong, alike) in found.items():
        wrong, alike = np.array(wrong), np.array(alike)
        losses[name] = (np.nan_to_num(wrong) * of_group[group]).sum(1)
        for number, own in enumerate(groups):
            mean = mean_of_known(wrong[group == number])
            for column in np.flatnonzero(np.isfinite(mean)):
                known = alike[group == number][:, column]
                known = known[np.isfinite(known)]
                rows.append(
                    {
                        "group": own,
                        "property": (*RESIDUE, *PAIR)[column],
                        "predictor": name,
                        "rmse": mean[column],
                        "relative_error": mean[column] / spread[number, column] if spread[number, column] else np.nan,
                        "pearson_median": np.median(known) if len(known) else np.nan,
                        "proteins": int(np.isfinite(wrong[group == number][:, column]).sum()),
                    }
                )
    return pd.DataFrame(rows), {"proteins": len(group), "baselines": _verdict(losses, group)}


def _verdict(losses: dict[str, np.ndarray], group: np.ndarray) -> dict[str, dict]:
    """Loss of each baseline, and by how much that of the model is lower, proteins resampled; every group alike."""
    sizes = np.bincount(group)
    share = len(group) / (np.count_nonzero(sizes) * sizes[group])  # the mean of these is 1, and groups weigh alike
    verdict = {}
    for name, own in losses.items():
        if name == MODEL:
            continue
        difference = interval_of_mean(
            (losses[MODEL] - own) * share, np.arange(len(own)), _CONFIDENCE, _RESAMPLES, np.random.default_rng(0)
        )
        bounds = [None if np.isnan(bound) else bound for bound in (difference.low, difference.high)]
        verdict[name] = {
            "loss": float((own * share).mean()),
            "model_minus_baseline": difference.value,
            "interval": bounds,
            "model_is_better": bool(difference.high < 0),
        }
    return verdict


def _errors(values: tuple[np.ndarray, np.ndarray], example: Example) -> np.ndarray:
    targets = example.targets.residue, example.targets.pair
    found = [
        errors(torch.from_numpy(v).float().nan_to_num()[None], torch.from_numpy(t)[None], 0.0)
        for v, t in zip(values, targets, strict=True)
    ]
    return torch.cat(found, -1)[0].numpy()


def _pearson(values: tuple[np.ndarray, np.ndarray], example: Example) -> np.ndarray:
    """Pearson correlations (P,) along the residues, or along pairs of different residues; NaN where one is constant."""
    targets = example.targets
    above = np.triu_indices(len(targets.tokens), 1)
    columns = [(values[0], targets.residue), (values[1][above], targets.pair[above])]
    found = []
    for own, target in columns:
        there = np.isfinite(target) & np.isfinite(own)
        for column in range(target.shape[1]):
            x, y = own[there[:, column], column].astype(float), target[there[:, column], column].astype(float)
            varied = len(x) > 2 and np.ptp(x) > 1e-6 and np.ptp(y) > 1e-6
            found.append(np.corrcoef(x, y)[0, 1] if varied else np.nan)
    return np.array(found)
