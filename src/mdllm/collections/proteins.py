"""What a source of a collection gives: proteins, each with runs (structures or trajectories), read in chunks."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.sequences import aligned_pairs

logger = logging.getLogger(__name__)
_LEAST_IDENTITY = 0.7
# (number of the segment within the run, frames of it); a segment ends where time has a gap.
Chunk = tuple[int, np.ndarray]


@dataclass(frozen=True)
class Run:
    """One structure, whose models are its frames, or one trajectory of a protein.

    Attributes:
        label: its file, as its source calls it, or a group of one; not where the cache lies.
        sequence: one letter per residue; X for one that is no amino acid known.
        gapped: the same with ? for each residue that the file's numbers say is missing where the chain is broken, by
            which conformers are aligned; None: as `sequence`.
        chunks: opens it and yields (segment, backbone (F, L, 4, 3) in nm, float32), in order.
        interval_ps: time between frames; None where frames do not follow each other in time.
        temperature_k: None where nobody knows.
        replica: name of one of several runs alike.
    """

    label: str
    sequence: str
    chunks: Callable[[], Iterator[Chunk]]
    interval_ps: float | None = None
    temperature_k: float | None = None
    replica: str | None = None
    gapped: str | None = None


@dataclass(frozen=True)
class Protein:
    """A protein of a source.

    Attributes:
        place: its first file, for messages.
        open: its runs, with their sequences; frames are read later.
        checksum: SHA-256 of the fetched file that the source is; None for the user's own files.
    """

    name: str
    source: str
    place: str
    open: Callable[[], list[Run]]
    checksum: str | None = None


def check_names(proteins: list[Protein]) -> None:
    """Raise an InputError where two proteins have one name."""
    known: dict[str, Protein] = {}
    for protein in proteins:
        other = known.setdefault(protein.name, protein)
        if other is not protein:
            raise InputError(
                f"two proteins are called {protein.name}: {other.place} and {protein.place}; give one of their sources "
                "a `prefix`, or let `protein` name them apart"
            )


def common_residues(name: str, runs: list[Run]) -> tuple[str, list[np.ndarray]]:
    """The residues that all runs of a protein have, matched by sequence.

    Returns:
        their sequence, that of the first run, and for each run the indices (L,) of its residues.

    Raises:
        InputError: the sequences of two runs do not belong to one protein.
    """
    first = runs[0]
    matched = [dict(_pairs(name, first, run)) for run in runs]
    kept = sorted(reduce(set.intersection, (set(pairs) for pairs in matched)))
    letters = "".join(first.sequence[i] for i in kept)
    lost = {run.label: len(run.sequence) - len(kept) for run in runs if len(run.sequence) > len(kept)}
    if lost:
        logger.info(
            "%s: %d residues are common to its %d structures; left out: %s",
            *(name, len(kept), len(runs), ", ".join(f"{count} of {label}" for label, count in lost.items())),
        )
    mutated = [
        f"{first.sequence[i]}{i + 1}{run.sequence[pairs[i]]}"
        for run, pairs in zip(runs, matched, strict=True)
        for i in kept
        if run.sequence[pairs[i]] != first.sequence[i]
    ]
    if mutated:
        logger.info(
            "%s: residues take their letters from %s, and differ elsewhere: %s",
            *(name, first.label, ", ".join(dict.fromkeys(mutated))),
        )
    return letters, [np.array([pairs[i] for i in kept], int) for pairs in matched]


def _pairs(name: str, first: Run, run: Run) -> list[tuple[int, int]]:
    pairs = aligned_pairs(first.gapped or first.sequence, run.gapped or run.sequence)
    same = sum(first.sequence[i] == run.sequence[j] for i, j in pairs)
    if same < _LEAST_IDENTITY * len(pairs) or len(pairs) < min(len(first.sequence), len(run.sequence)) / 2:
        raise InputError(
            f"{name} stands for two proteins: {first.label} and {run.label} have {same} residues in common of "
            f"{len(pairs)} that align ({first.sequence} and {run.sequence}); let `protein` name them apart"
        )
    return pairs
