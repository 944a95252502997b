"""Reference structures: read, matched to the system by sequence alignment, kept as ensembles.

Residue numbers of deposited structures differ from those of a simulation by offsets, tags and insertions, so residues
are matched by the alignment of the two sequences and never by number. Point mutations align; a residue without
counterpart has NaN coordinates, and so has every collective variable that needs it.

Axes: M models, A atoms of the system's backbone (N, CA, C, O of each residue in turn).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from mdllm.config.settings.system import Reference
from mdllm.core.errors import InputError
from mdllm.core.geometry import BACKBONE_ATOMS
from mdllm.core.sequences import aligned_pairs, sequence
from mdllm.core.trajectories import ANGSTROM_PER_NM

logger = logging.getLogger(__name__)

_LEAST_IDENTITY = 0.7


@dataclass(frozen=True)
class ReferenceEnsemble:
    """A reference matched to the system.

    Attributes:
        coordinates: (M, A, 3) in nm, NaN where the reference has no counterpart.
        identity: share of aligned residues that are the same.
        matched: number of aligned residues.
        state: name of the state that it stands for, or None.
        label: name in figures.
    """

    coordinates: np.ndarray
    identity: float
    matched: int
    state: str | None
    label: str


def load_references(references: Mapping[str, Reference], universe: mda.Universe) -> dict[str, ReferenceEnsemble]:
    """Read every reference and match it to the backbone `universe`.

    Raises:
        InputError: a file cannot be read, a selection is empty, or the sequences do not align (names both).
    """
    return {key: _load(key, reference, universe) for key, reference in references.items()}


def _load(key: str, reference: Reference, universe: mda.Universe) -> ReferenceEnsemble:
    place = f"references.{key}"
    if not Path(reference.path).is_file():
        raise InputError(f"{place}: {reference.path} does not exist (paths start at the working directory)")
    structure = mda.Universe(reference.path)
    try:
        residues = structure.select_atoms(reference.selection).residues
    except mda.SelectionError as error:
        raise InputError(f"{place}.selection: '{reference.selection}' cannot be read: {error}") from error
    if len(residues) == 0:
        raise InputError(f"{place}.selection: '{reference.selection}' is empty in {reference.path}")
    pairs, identity = _align(universe.residues, residues, place, reference.path)
    rows, atoms = _atom_pairs(universe.residues, residues, pairs)
    coordinates = np.full((len(structure.trajectory), len(universe.atoms), 3), np.nan)
    for model, ts in enumerate(structure.trajectory):
        coordinates[model, rows] = ts.positions[atoms] / ANGSTROM_PER_NM
    logger.info(
        "%s: %d models, %d of %d residues matched, identity %.0f %%",
        *(place, len(coordinates), len(pairs), len(universe.residues), 100 * identity),
    )
    return ReferenceEnsemble(coordinates, identity, len(pairs), reference.state, reference.label or key)


def _align(system: mda.ResidueGroup, reference: mda.ResidueGroup, place: str, file: str):
    """Pairs (index in system, index in reference) of the best global alignment, and its identity."""
    ours, theirs = sequence(system.resnames), sequence(reference.resnames)
    pairs = aligned_pairs(ours, theirs)
    identity = float(np.mean([ours[i] == theirs[j] for i, j in pairs])) if pairs else 0.0
    if identity < _LEAST_IDENTITY or len(pairs) < min(len(ours), len(theirs)) / 2:
        raise InputError(
            f"{place}: the sequence of {file} does not align with that of the system ({len(pairs)} residues, "
            f"{100 * identity:.0f} % the same; {100 * _LEAST_IDENTITY:.0f} % of at least half of the residues are "
            f"needed). System: {ours}. Reference: {theirs}. Choose the right chain by `selection`, or another file"
        )
    return pairs, identity


def _atom_pairs(system: mda.ResidueGroup, reference: mda.ResidueGroup, pairs: list[tuple[int, int]]):
    """Rows of the system's backbone and atom indices of the reference; alternate locations: the first."""
    rows, atoms = [], []
    for ours, theirs in pairs:
        names = {}
        group = reference[theirs].atoms
        locations = group.altLocs if hasattr(group, "altLocs") else [""] * len(group)
        for _, name, index in sorted(zip(locations, group.names, group.indices, strict=True)):
            names.setdefault(name, index)
        for offset, name in enumerate(BACKBONE_ATOMS):
            if name in names:
                rows.append(len(BACKBONE_ATOMS) * ours + offset)
                atoms.append(names[name])
    return np.array(rows, int), np.array(atoms, int)
