"""What a model has to beat, fitted to the same training proteins: three tables that no network is needed for.

- `mean`: the mean of each property.
- `residue_types`: its mean for the type of the residue, or of both residues of a pair.
- `types_and_places`: its mean by place in the chain (residues from the nearer end; of a pair, residues between them),
  and what the types add to that.

Each is fitted for each group of proteins; every protein counts alike. Axes: T tokens, G groups, C classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from tqdm import tqdm

from mdllm.seqdance.examples import Example, Judged, Proteins
from mdllm.seqdance.families import PAIR, RESIDUE
from mdllm.seqdance.loss import errors
from mdllm.seqdance.tokens import CLS, VOCABULARY, is_residue

NAMES = ("mean", "residue_types", "types_and_places")
# Proteins of a group that tables are fitted to at most: means over so many are as good as they need to be.
_PROTEINS = 2000
_FURTHEST_FROM_END, _FURTHEST_APART = 30, 64
_OTHER_CHAIN = _FURTHEST_APART + 1
_TYPES = len(VOCABULARY)
# A class mean is pulled towards 0 (or the mean of all) by as much as so many of a protein's residues, or pairs.
_PRIOR = 5e-3


@dataclass(frozen=True)
class Tables:
    """Means of properties by class of residues (C, 50) and of pairs (C, 13), NaN where a group has no targets."""

    residue: np.ndarray
    pair: np.ndarray

    def of(self, residue_class: np.ndarray, pair_class: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.residue[residue_class], self.pair[pair_class]


class Baseline:
    """Sums of tables, for each group."""

    def __init__(self, name: str, parts: list[list[tuple[str, Tables]]]):
        self.name, self._parts = name, parts

    def predict(self, tokens: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Residue (T, 50) and pair (T, T, 13) properties of tokens (T,)."""
        classes = _classes(tokens)
        found = [tables.of(*classes[kind]) for kind, tables in self._parts[group]]
        return sum(part[0] for part in found), sum(part[1] for part in found)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Of a baseline without classes: means (50,) and (13,) of all groups alike, NaN where none has targets."""
        found = [tables for parts in self._parts for _, tables in parts]
        return tuple(mean_of_known(np.concatenate([getattr(t, kind) for t in found])) for kind in ("residue", "pair"))

    def errors(self, example: Example, epsilon: float = 0.0) -> np.ndarray:
        """Root mean squared errors (63,) of the protein's properties; NaN where it has no target."""
        predicted = self.predict(example.targets.tokens, example.group)
        targets = example.targets.residue, example.targets.pair
        found = [
            errors(torch.from_numpy(p).float().nan_to_num()[None], torch.from_numpy(t)[None], epsilon)
            for p, t in zip(predicted, targets, strict=True)
        ]
        return torch.cat(found, -1)[0].numpy()


def fit(proteins: Proteins) -> tuple[dict[str, Baseline], np.ndarray]:
    """All baselines, by name, and the spread (G, 63): the mean error of predicting the mean, NaN without targets."""
    groups = range(len(proteins.groups))
    examples = Judged(proteins, _PROTEINS, None)
    first = {kind: [_Sums(kind) for _ in groups] for kind in ("all", "types", "places")}
    for example in _read(examples, "means"):
        for sums in first.values():
            sums[example.group].add(example)
    means = {kind: [own.means() for own in sums] for kind, sums in first.items()}
    places = Baseline("places", [[("places", means["places"][group])] for group in groups])
    mean = Baseline("mean", [[("all", means["all"][group])] for group in groups])
    rest = [_Sums("types") for _ in groups]
    spread = [[] for _ in groups]
    for example in _read(examples, "spread"):
        rest[example.group].add(example, places.predict(example.targets.tokens, example.group))
        spread[example.group].append(mean.errors(example))
    both = [[("places", means["places"][group]), ("types", rest[group].means(towards_zero=True))] for group in groups]
    found = {
        "mean": mean,
        "residue_types": Baseline("residue_types", [[("types", means["types"][group])] for group in groups]),
        "types_and_places": Baseline("types_and_places", both),
    }
    return found, np.stack([mean_of_known(np.array(own)) for own in spread])


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean (P,) of the rows of (N, P), NaN left out; NaN where there is nothing else."""
    counts = np.isfinite(values).sum(0)
    return np.where(counts > 0, np.nansum(values, 0) / np.maximum(counts, 1), np.nan)


def _read(examples: Judged, what: str) -> Iterator[Example]:
    for index in tqdm(range(len(examples)), desc=f"baselines, {what}", unit="protein", mininterval=1):
        yield examples[index]


class _Sums:
    """Sums of properties by class, each protein weighing 1."""

    def __init__(self, kind: str):
        self._kind = kind
        sizes = {"all": (1, 1), "types": (_TYPES, _TYPES**2), "places": (_FURTHEST_FROM_END + 1, _OTHER_CHAIN + 1)}
        self._sums, self._counts = (
            [np.zeros((size, width)) for size, width in zip(sizes[kind], (len(RESIDUE), len(PAIR)), strict=True)]
            for _ in range(2)
        )

    def add(self, example: Example, known: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        """Add a protein's targets, or what they have beyond what is `known`."""
        targets = example.targets
        classes = _classes(targets.tokens)[self._kind]
        inside = is_residue(targets.tokens)
        values = targets.residue[inside], targets.pair[np.ix_(inside, inside)]
        if known is not None:
            values = values[0] - known[0][inside], values[1] - known[1][np.ix_(inside, inside)]
        chosen = classes[0][inside], classes[1][np.ix_(inside, inside)]
        for sums, counts, own, of_class in zip(self._sums, self._counts, values, chosen, strict=True):
            own = own.reshape(-1, own.shape[-1])
            entries = np.full(len(own), 1 / len(own)), (of_class.ravel(), np.arange(len(own)))
            rows = csr_array(entries, (len(sums), len(own)))
            sums += rows @ np.nan_to_num(own)
            counts += rows @ np.isfinite(own).astype(float)

    def means(self, towards_zero: bool = False) -> Tables:
        found = []
        for sums, counts in zip(self._sums, self._counts, strict=True):
            total = counts.sum(0)
            centre = np.zeros_like(total) if towards_zero else sums.sum(0) / np.where(total > 0, total, np.nan)
            found.append((sums + _PRIOR * centre) / (counts + _PRIOR))
        return Tables(*found)


def _classes(tokens: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Class of every residue (T,) and pair (T, T), by what they are told apart by."""
    chain = np.cumsum(tokens == CLS)
    place = np.arange(len(tokens))
    first, last = np.searchsorted(chain, chain), np.searchsorted(chain, chain, "right") - 1
    from_end = np.clip(np.minimum(place - first, last - place) - 1, 0, _FURTHEST_FROM_END)
    apart = np.minimum(np.abs(place[:, None] - place), _FURTHEST_APART)
    apart = np.where(chain[:, None] == chain, apart, _OTHER_CHAIN)
    nothing = np.zeros(len(tokens), int)
    return {
        "all": (nothing, nothing[:, None] + nothing),
        "types": (tokens, tokens[:, None] * _TYPES + tokens),
        "places": (from_end, apart),
    }
