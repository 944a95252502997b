"""The loss of SeqDance: root mean squared errors of each property of each protein, weighted.

NaN stands for a target that is not there. Axes: B proteins, T tokens, P the 63 properties, those of residues first,
G groups (sources of proteins).
"""

import torch

from mdllm.seqdance.families import PAIR, PAIR_FAMILIES, RESIDUE, RESIDUE_FAMILIES
from mdllm.seqdance.settings import LossSettings

# Classes that count alike: all torsions together are one.
_RESIDUE_CLASSES = (("sasa",), ("rmsf",), ("dssp",), ("chi1", "phi", "psi"), ("gnm",))


def errors(predicted: torch.Tensor, target: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Root mean squared error of each property (B, P), NaN where a protein has no target for it.

    In single precision whatever `predicted` has.

    Args:
        predicted, target: (B, ..., P); NaN in `target` is left out.
        epsilon: added under the root; at 0, an error of exactly zero has the gradient NaN.
    """
    there = ~target.isnan()
    difference = torch.where(there, predicted.float() - target.nan_to_num(), 0.0)
    between = tuple(range(1, target.ndim - 1))
    counts = there.sum(between)
    mean = difference.square().sum(between) / counts.clamp(min=1)
    # Where there is no target the root of 1 is taken, not that of 0: its gradient must be finite.
    found = torch.where(counts > 0, mean + epsilon, 1.0).sqrt()
    return torch.where(counts > 0, found, float("nan"))


def weights(spread: torch.Tensor, settings: LossSettings) -> torch.Tensor:
    """Weights (G, P) of the errors, by which predicting the mean of every property has the loss 1 in every group.

    Pair properties together weigh `pair_share` times what residue properties do, contacts `contact_share` times what a
    correlation of motion does; SASA, RMSF, secondary structure, torsions and normal modes weigh alike, and so do the
    properties within each. What a group has no targets for takes no part.

    Args:
        spread: (G, P) error of predicting the mean; NaN where a group has no such targets, 0 where these are constant.
    """
    shares = torch.zeros_like(spread)
    useful = spread > 0  # False for NaN
    for row, there in enumerate(useful):
        residue, pair = _shares(there, settings)
        total = residue.sum() + pair.sum() * settings.pair_share
        shares[row] = torch.cat([residue, pair * settings.pair_share]) / total if total > 0 else 0.0
    return torch.where(useful, shares / spread, 0.0)


def _shares(there: torch.Tensor, settings: LossSettings) -> tuple[torch.Tensor, torch.Tensor]:
    """Shares of residue and of pair properties that are `there`, each with the sum 1, or 0 where there are none."""
    residue, pair = torch.zeros(len(RESIDUE)), torch.zeros(len(PAIR))
    for names in _RESIDUE_CLASSES:
        columns = [i for f in RESIDUE_FAMILIES if f.name in names for i in range(f.part.start, f.part.stop) if there[i]]
        residue[columns] = 1 / max(len(columns), 1)
    for family in PAIR_FAMILIES:
        columns = [i for i in range(family.part.start, family.part.stop) if there[len(RESIDUE) + i]]
        weight = settings.contact_share if family.name == "contacts" else 1.0
        pair[columns] = weight / max(len(columns), 1)
    return (part / part.sum().clamp(min=1e-30) for part in (residue, pair))


def protein_losses(found: torch.Tensor, of_group: torch.Tensor) -> torch.Tensor:
    """Losses (B,) of errors (B, P) under the weights (B, P) of each protein's group; NaN counts nothing."""
    return (found.nan_to_num() * of_group).sum(-1)
