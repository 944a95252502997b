"""How much a mutation changes what a model predicts: 23 relative changes, and scores made of them.

Hou, Zhao & Shen, PNAS 123, e2530466123 (2026): of each property, |mutant - wild type| / (|wild type| + 0.01), mean over
all residues or pairs (and, of secondary structure and torsions, over their classes). Their score: changes made
comparable by quantile normalisation over the mutants of one protein, geometric mean, negated. So it depends on which
other mutants there are, and its means take in special tokens and the diagonal of maps. Scores here, each the larger
the less a mutation changes:

- `paper`: that.
- `residues`: without special tokens and diagonal.
- `independent`: and without normalisation. A scale of a property would change no order, as the mean is geometric.

Axes: M mutants, T tokens, C the 23 properties.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mdllm.core.errors import InputError
from mdllm.seqdance.families import PAIR, RESIDUE, RESIDUE_FAMILIES
from mdllm.seqdance.model import Dance
from mdllm.seqdance.mutations.mutants import mutate
from mdllm.seqdance.predict import WINDOW
from mdllm.seqdance.tokens import chains_of, encode

SCORES = ("paper", "residues", "independent")
_FLOOR, _SMALLEST = 0.01, 1e-12
_PAIRS = 2**19  # of a batch
_WITH_CLASSES = [family for family in RESIDUE_FAMILIES if family.name in ("dssp", "chi1", "phi", "psi")]
_PLAIN = [i for i in range(len(RESIDUE)) if not any(f.part.start <= i < f.part.stop for f in _WITH_CLASSES)]
CHANGES = (*(RESIDUE[i] for i in _PLAIN), *(family.name for family in _WITH_CLASSES), *PAIR)


def relative_changes(
    mutant: torch.Tensor,
    mutant_pair: torch.Tensor,
    wild_type: torch.Tensor,
    wild_type_pair: torch.Tensor,
    all_tokens: bool,
) -> torch.Tensor:
    """Changes (M, C) of residue (M, T, 50) and pair (M, T, T, 13) properties from those of the wild type.

    Args:
        all_tokens: whether the means take in the first and last token, which are special, and the diagonal of maps.
    """
    residue = (mutant - wild_type).abs() / (wild_type.abs() + _FLOOR)
    pair = (mutant_pair - wild_type_pair).abs() / (wild_type_pair.abs() + _FLOOR)
    if not all_tokens:
        residue, pair = residue[:, 1:-1], pair[:, 1:-1, 1:-1]
    by_property = residue.mean(1)
    size = pair.shape[1]
    total = pair.sum((1, 2))
    if not all_tokens:
        total = total - pair.diagonal(dim1=1, dim2=2).sum(-1)
    by_pair = total / (size * size if all_tokens else size * (size - 1))
    classes = [by_property[:, family.part].mean(1, keepdim=True) for family in _WITH_CLASSES]
    return torch.cat([by_property[:, _PLAIN], *classes, by_pair], 1)


def known_changes(trained: np.ndarray) -> np.ndarray:
    """Which of the 23 (C,) are of properties that a model was trained on, `trained` (63,)."""
    residue, pair = trained[: len(RESIDUE)], trained[len(RESIDUE) :]
    return np.concatenate([residue[_PLAIN], [residue[family.part].any() for family in _WITH_CLASSES], pair])


@torch.inference_mode()
def changes_of(
    dance: Dance, sequence: str, mutants: Sequence[str], name: str = "sequence"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The changes (M, C) of mutants of a sequence: over all tokens, and over residues and pairs of different residues.

    Only those of properties that the model was trained on.

    Raises:
        InputError: the sequence has several chains, is too long, or an unknown letter; as `mutate`.
    """
    chains = chains_of(sequence, name)
    if len(chains) > 1:
        raise InputError(f"{name} has {len(chains)} chains; effects of mutations are of one chain")
    if not 2 <= len(chains[0]) <= WINDOW:
        raise InputError(f"{name} has {len(chains[0])} residues; effects of mutations are of chains of 2 to {WINDOW}")
    network = dance.network
    device = next(network.parameters()).device
    wild_type = network(torch.from_numpy(encode(chains))[None].to(device))
    rows = [encode([mutate(chains[0], mutant, name)]) for mutant in mutants]
    each = max(1, _PAIRS // (len(chains[0]) + 2) ** 2)
    found: tuple[list, list] = ([], [])
    for first in tqdm(range(0, len(rows), each), desc=f"mutants of {name}", unit="batch", mininterval=1):
        made = network(torch.from_numpy(np.stack(rows[first : first + each])).to(device))
        for part, all_tokens in zip(found, (True, False), strict=True):
            own = relative_changes(made.residue, made.pair, wild_type.residue, wild_type.pair, all_tokens)
            part.append(own.double().cpu().numpy())
    columns = np.array(CHANGES)[known := known_changes(dance.trained)]
    return tuple(pd.DataFrame(np.concatenate(part)[:, known], index=list(mutants), columns=columns) for part in found)


def quantile_normalised(values: np.ndarray) -> np.ndarray:
    """Columns of (M, C) with one distribution: each value becomes the mean, over columns, of those of its rank.

    Values that are equal get the mean of what they would have in any order.
    """
    means = np.sort(values, axis=0).mean(1)
    result = np.empty_like(values)
    for column in range(values.shape[1]):
        _, which, counts = np.unique(values[:, column], return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        sums = np.concatenate([[0], np.cumsum(means)])
        result[:, column] = ((sums[ends] - sums[ends - counts]) / counts)[which]
    return result


def geometric_mean(values: np.ndarray) -> np.ndarray:
    """Of the columns of (M, C)."""
    return np.exp(np.log(np.maximum(values, _SMALLEST)).mean(1))


def scores(all_tokens: pd.DataFrame, residues: pd.DataFrame) -> pd.DataFrame:
    """The scores (M, 3) of changes of the mutants of one protein; a larger one is less of a change."""
    found = {
        "paper": geometric_mean(quantile_normalised(all_tokens.to_numpy())),
        "residues": geometric_mean(quantile_normalised(residues.to_numpy())),
        "independent": geometric_mean(residues.to_numpy()),
    }
    return pd.DataFrame({name: -found[name] for name in SCORES}, index=all_tokens.index)
