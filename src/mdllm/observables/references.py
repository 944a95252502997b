"""Reference structures: read, matched to the system by sequence alignment, kept as ensembles.

Residue numbers of deposited structures differ from those of a simulation by offsets, tags and insertions, so residues
are matched by the alignment of the two sequences, chain by chain, and numbers decide only between what is alike
(`mdllm.observables.matching`). Point mutations align; a residue without counterpart has NaN coordinates, and so has
every collective variable that needs it. Structures are made whole and checked as frames are.

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
from mdllm.core.geometry import BACKBONE_ATOMS, CA, C, N, O, peptide_bonds
from mdllm.core.sequences import letter, sequence
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.molecules.backbone import atoms_by_name, one_in_each_place, peptide_bonds_across_box
from mdllm.molecules.chains import Chains, chain_ids, ranges
from mdllm.molecules.damage import damaged_backbones
from mdllm.molecules.fragments import Fragments
from mdllm.molecules.reading import frames_of, open_raw
from mdllm.observables.matching import LEAST_IDENTITY, Residues, matched

logger = logging.getLogger(__name__)


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
    path = reference.path
    if not Path(path).is_file():
        raise InputError(f"{place}: {path} does not exist (paths start at the working directory)")
    try:
        structure = open_raw(Path(path))
        models = _Models(structure, _selected(structure, reference.selection, place, path), path)
        coordinates = np.stack([models.cut(ts) for ts in frames_of(structure, Path(path))])
        damage = models.damaged(coordinates)
    except InputError as error:
        raise InputError(error if str(error).startswith(place) else f"{place}: {error}") from error
    if damage:
        raise InputError(f"{place}: {damage}; leave the residue or the model out")
    pairs = matched(_as_residues(universe.residues, _first_frame(universe)), models.described())
    _check(pairs, universe.residues, models.residues, place, path)
    names, theirs = universe.residues.resnames, models.residues.resnames
    identity = float(np.mean([letter(names[i]) == letter(theirs[j]) for i, j in pairs]))
    result = np.full((len(coordinates), len(universe.residues), len(BACKBONE_ATOMS), 3), np.nan)
    ours, others = np.array(pairs).T
    result[:, ours] = coordinates[:, others]
    logger.info(
        "%s: %d models, %d of %d residues matched, identity %.0f %%",
        *(place, len(coordinates), len(pairs), len(universe.residues), 100 * identity),
    )
    missing = np.setdiff1d(np.arange(len(universe.residues)), ours)
    if len(missing):
        logger.warning(
            "%s: %s has no counterpart of %d of %d residues, which no RMSD to it sees: %s",
            *(place, path, len(missing), len(universe.residues), ranges(universe.residues[missing])),
        )
    return ReferenceEnsemble(
        result.reshape(len(coordinates), -1, 3), identity, len(pairs), reference.state, reference.label or key
    )


def _selected(structure: mda.Universe, selection: str, place: str, file: str) -> mda.ResidueGroup:
    try:
        residues = structure.select_atoms(selection).residues
    except (mda.SelectionError, AttributeError, ValueError, TypeError) as error:
        raise InputError(f"{place}.selection: '{selection}' cannot be read: {error}") from error
    if len(residues) == 0:
        raise InputError(f"{place}.selection: '{selection}' is empty in {file}")
    return one_in_each_place(residues, file)


class _Models:
    """N, CA, C, O of residues in every model of a structure, NaN where it has none, whole across its box."""

    def __init__(self, structure: mda.Universe, residues: mda.ResidueGroup, file: str):
        tables = [atoms_by_name(residue) for residue in residues]
        self.residues = residues
        self._index = np.array([[table.get(name, -1) for name in BACKBONE_ATOMS] for table in tables])  # (m, 4)
        self._box = structure.dimensions
        there = self._index.ravel() >= 0
        self._path = self._index.ravel()[there]
        row = np.full(self._index.size, -1)
        row[there] = np.arange(len(self._path))
        row = row.reshape(-1, len(BACKBONE_ATOMS))
        main = np.full((len(residues), 3, 3), np.nan)
        main[self._index[:, :3] >= 0] = structure.atoms.positions[self._index[:, :3][self._index[:, :3] >= 0]]
        self._bonded = peptide_bonds_across_box(main, self._box)
        pairs = [row[:, [N, CA]], row[:, [CA, C]], row[:, [C, O]]]
        pairs.append(np.stack([row[:-1, C], row[1:, N]], axis=1)[self._bonded])
        bonds = np.concatenate(pairs)
        numbers = np.repeat(np.arange(len(residues)), (self._index >= 0).sum(axis=1))
        self._fragments = Fragments(bonds[(bonds >= 0).all(axis=1)], numbers, keep_whole=True)

    def cut(self, ts) -> np.ndarray:
        """Coordinates (m, 4, 3) in nm of one model."""
        found = np.full((self._index.size, 3), np.nan)
        points = self._fragments.together(ts.positions[self._path].astype(np.float64), ts.dimensions)
        found[self._index.ravel() >= 0] = points / ANGSTROM_PER_NM
        return found.reshape(*self._index.shape, 3)

    def damaged(self, coordinates: np.ndarray) -> str | None:
        """What is wrong with coordinates (M, m, 4, 3), in words, where residues have all their atoms."""
        complete = (self._index >= 0).all(axis=1)
        bonded = self._bonded[np.flatnonzero(complete)[:-1]] & (np.diff(np.flatnonzero(complete)) == 1)
        boxed = np.full(len(coordinates), self._box is not None)
        first = coordinates[:1, complete]
        found = damaged_backbones(first, boxed[:1], self.residues[complete], bonded, first=True)
        alone = np.zeros_like(bonded)  # models may be broken at different places
        found = found or damaged_backbones(coordinates[:, complete], boxed, self.residues[complete], alone)
        return found[0].at(f"model {found[0].frame} (counted from 0)") if found else None

    def described(self) -> Residues:
        chains = Chains.of(self.residues, self._bonded)
        letters = np.array([letter(name) for name in self.residues.resnames])
        return Residues(letters, self.residues.resids, chains.letters, self._bonded)


def _first_frame(universe: mda.Universe) -> np.ndarray:
    return universe.atoms.positions.reshape(-1, len(BACKBONE_ATOMS), 3) / ANGSTROM_PER_NM


def _as_residues(residues: mda.ResidueGroup, frame: np.ndarray) -> Residues:
    letters = np.array([letter(name) for name in residues.resnames])
    return Residues(letters, residues.resids, np.array(chain_ids(residues)), peptide_bonds(frame))


def _check(pairs, system: mda.ResidueGroup, reference: mda.ResidueGroup, place: str, file: str) -> None:
    """Raise an InputError where too few residues are matched."""
    if len(pairs) < max(1, min(len(system), len(reference)) / 2):
        raise InputError(
            f"{place}: the sequence of {file} does not align with that of the system ({len(pairs)} residues, with "
            f"{100 * LEAST_IDENTITY:.0f} % the same; half of the residues are needed). System: "
            f"{sequence(system.resnames)}. Reference: {sequence(reference.resnames)}. Choose the right chain by "
            "`selection`, or another file"
        )
