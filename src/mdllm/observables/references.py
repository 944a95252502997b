"""Reference structures: read, matched to the system by sequence alignment, kept as ensembles.

Residue numbers of deposited structures differ from those of a simulation by offsets, tags and insertions, so residues
are matched by the alignment of the two sequences, chain by chain, and numbers decide only between what is alike
(`mdllm.observables.matching`). Point mutations align; a residue without counterpart has NaN coordinates, and so has
every collective variable that needs it. Structures are made whole and checked as frames are.

Axes: M models, A atoms of the system's backbone (N, CA, C, O of each residue in turn).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.util import asiterable

from mdllm.config.settings.system import Reference
from mdllm.core.errors import InputError
from mdllm.core.geometry import BACKBONE_ATOMS, CA, C, N, O
from mdllm.core.sequences import letter, sequence
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.molecules.backbone import atoms_by_name, one_in_each_place, peptide_bonds_across_box
from mdllm.molecules.chains import Chains, ranges
from mdllm.molecules.damage import damaged_backbones
from mdllm.molecules.fragments import Fragments
from mdllm.molecules.reading import frames_of, open_raw
from mdllm.observables.matching import LEAST_IDENTITY, Residues, matched

logger = logging.getLogger(__name__)
_OF_CRYSTALS = {"PDB", "CIF", "MMTF"}  # formats in which a cell may be that of a crystal, and no box of a simulation


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
        names = [*BACKBONE_ATOMS, *(name for name in dict.fromkeys(universe.atoms.names) if name not in BACKBONE_ATOMS)]
        models = _Models(structure, _selected(structure, reference.selection, place, path), names)
        coordinates = np.stack([models.cut(ts) for ts in frames_of(structure, Path(path))])
        damage = models.damaged(coordinates)
    except InputError as error:
        raise InputError(error if str(error).startswith(place) else f"{place}: {error}") from error
    if damage:
        raise InputError(f"{place}: {damage}; leave the residue or the model out")
    if models.apart:
        logger.warning(
            "%s: molecules of %s stand apart that are nearer to each other in another periodic image, and are taken as "
            "they stand, as of a crystal; if they are of a simulation, write them together (gmx trjconv -pbc cluster, "
            "cpptraj autoimage)",
            *(place, path),
        )
    pairs = matched(_described(universe.residues), _described(models.residues))
    _check(pairs, universe.residues, models.residues, place, path)
    ours, theirs = np.array(pairs).T
    letters = [letter(name) for name in universe.residues.resnames[ours]]
    identity = float(np.mean(np.array(letters) == [letter(name) for name in models.residues.resnames[theirs]]))
    counterpart = np.full(len(universe.residues), -1)
    counterpart[ours] = theirs
    of_atom = counterpart[np.searchsorted(universe.residues.ix, universe.atoms.resindices)]
    column = np.array([names.index(name) for name in universe.atoms.names])
    result = np.where(of_atom[:, None] >= 0, coordinates[:, of_atom, column], np.nan)
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
    return ReferenceEnsemble(result, identity, len(pairs), reference.state, reference.label or key)


def _selected(structure: mda.Universe, selection: str, place: str, file: str) -> mda.ResidueGroup:
    try:
        residues = structure.select_atoms(selection).residues
    except (mda.SelectionError, AttributeError, ValueError, TypeError) as error:
        raise InputError(f"{place}.selection: '{selection}' cannot be read: {error}") from error
    if len(residues) == 0:
        raise InputError(f"{place}.selection: '{selection}' is empty in {file}")
    return one_in_each_place(residues, file)


class _Models:
    """Atoms of K names in each of m residues, in every model of a structure, NaN where there is none; whole."""

    def __init__(self, structure: mda.Universe, residues: mda.ResidueGroup, names: list[str]):
        self.residues, self._box = residues, structure.dimensions
        self._index = _indices(residues, names)
        self._there = self._index.ravel() >= 0
        row = np.full(self._index.size, -1)
        row[self._there] = np.arange(self._there.sum())
        row = row.reshape(self._index.shape)
        self._bonded = _bonded(residues)
        # atoms beyond the backbone are in the image nearest to CA, or to the first atom of a residue without it
        hub = np.where(row[:, CA] >= 0, row[:, CA], np.where(row >= 0, row, row.max()).min(axis=1))
        pairs = [row[:, [N, CA]], row[:, [CA, C]], row[:, [C, O]], np.stack([row[:-1, C], row[1:, N]], 1)[self._bonded]]
        pairs += [np.stack([hub, row[:, column]], axis=1) for column in range(O + 1, len(names))]
        bonds = np.concatenate(pairs)
        numbers = np.repeat(np.arange(len(residues)), (self._index >= 0).sum(axis=1))
        bonds = bonds[(bonds >= 0).all(axis=1)]
        crystal = not _OF_CRYSTALS.isdisjoint(name.upper() for name in asiterable(structure.trajectory.format))
        self._fragments = Fragments(bonds, numbers, keep_whole=crystal)
        self._simulated = Fragments(bonds, numbers) if crystal else None
        self.apart = False  # whether fragments stand apart that the box would bring together

    def cut(self, ts) -> np.ndarray:
        """Coordinates (m, K, 3) in nm of one model."""
        found = np.full((self._index.size, 3), np.nan)
        points = ts.positions[self._index.ravel()[self._there]].astype(np.float64)
        placed = self._fragments.together(points, ts.dimensions)
        if self._simulated is not None:
            self.apart |= not np.allclose(placed, self._simulated.together(points, ts.dimensions), atol=1)
        found[self._there] = placed / ANGSTROM_PER_NM
        return found.reshape(*self._index.shape, 3)

    def damaged(self, coordinates: np.ndarray) -> str | None:
        """What is wrong with coordinates (M, m, K, 3), in words, where residues have their whole backbone."""
        complete = (self._index[:, : O + 1] >= 0).all(axis=1)
        backbone, residues = coordinates[:, complete, : O + 1], self.residues[complete]
        boxed = np.full(len(coordinates), self._box is not None)
        apart = np.zeros(max(len(residues) - 1, 0), bool)  # models may be broken at different places
        found = damaged_backbones(backbone[:1], boxed[:1], residues, apart, first=True)
        found = found or damaged_backbones(backbone, boxed, residues, apart)
        return found[0].at(f"model {found[0].frame} (counted from 0)") if found else None


def _indices(residues: mda.ResidueGroup, names: Sequence[str]) -> np.ndarray:
    """Indices (m, K) of the atoms of these names, the first of alternate locations; -1 where there is none."""
    tables = [atoms_by_name(residue) for residue in residues]
    return np.array([[table.get(name, -1) for name in names] for table in tables])


def _bonded(residues: mda.ResidueGroup) -> np.ndarray:
    """Whether each residue is bound to the next (m - 1,)."""
    index = _indices(residues, BACKBONE_ATOMS)
    main = np.where(index[..., None] >= 0, residues.universe.atoms.positions[index], np.nan)
    return peptide_bonds_across_box(main, residues.universe.dimensions)


def _described(residues: mda.ResidueGroup) -> Residues:
    letters, bonded = np.array([letter(name) for name in residues.resnames]), _bonded(residues)
    return Residues(letters, residues.resids, Chains.of(residues, bonded).letters, bonded)


def _check(pairs, system: mda.ResidueGroup, reference: mda.ResidueGroup, place: str, file: str) -> None:
    """Raise an InputError where too few residues are matched."""
    if len(pairs) < max(1, min(len(system), len(reference)) / 2):
        raise InputError(
            f"{place}: the sequence of {file} does not align with that of the system ({len(pairs)} residues, with "
            f"{100 * LEAST_IDENTITY:.0f} % the same; half of the residues are needed). System: "
            f"{sequence(system.resnames)}. Reference: {sequence(reference.resnames)}. Choose the right chain by "
            "`selection`, or another file"
        )
