"""Collective variables (CVs): selections resolved once, then values for any batch of backbone coordinates.

Axes: F frames, A atoms of the system's backbone, M models of a reference. The same code serves MD frames, decoded
frames and reference structures. Coordinates are nm, angles radian; a column name ends in its unit.

Pitfalls: molecules must be whole, since no periodic image is looked up here. A selection of several atoms stands for
its unweighted centre, which for a selection spread over mobile parts is a point where no atom ever is. An atom that
a reference structure lacks is NaN, and so is every CV that needs it.
"""

from collections.abc import Callable, Mapping

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.distances import calc_angles, calc_bonds, calc_dihedrals

from mdllm.config.settings.system import CollectiveVariable
from mdllm.core import geometry
from mdllm.core.errors import InputError

_CENTRES = {"distance": ("a", "b"), "angle": ("a", "b", "c"), "dihedral": ("a", "b", "c", "d")}
_MEASURES = {"distance": calc_bonds, "angle": calc_angles, "dihedral": calc_dihedrals}
_UNITS = {"distance": "nm", "rmsd": "nm", "radius_of_gyration": "nm", "coordinate": ""}
_SYMBOLS = {"phi": "φ", "psi": "ψ"}
_ATOMS_OF_A_POSE = 3

Compute = Callable[[np.ndarray], np.ndarray]


def unit(cv: CollectiveVariable) -> str:
    """Unit of the values, nm or rad; empty for a coordinate in a model potential."""
    return _UNITS.get(cv.type, "rad")


def column(key: str, cv: CollectiveVariable) -> str:
    """Name of the CV's column in every table: its key and its unit, as in `distance_113_117_nm`."""
    return f"{key}_{unit(cv)}".rstrip("_")


class CollectiveVariables:
    """CVs bound to one topology.

    Args:
        atoms: Universe or AtomGroup of the system's backbone (N, CA, C, O of every residue); its order is the order
            of the coordinates later on.
        variables: CVs by key, as in the system file.
        references: coordinates (M, A, 3) or (A, 3) in nm by name, for `rmsd` CVs; `training_start` among them. NaN
            marks atoms without counterpart: they are left out of the RMSD. Of M models the nearest counts.

    Raises:
        InputError: a selection is misspelled or empty, a residue does not exist or is ambiguous or has no neighbour
            that its torsion needs, or a reference was not given; the message names the key of the CV.
    """

    def __init__(
        self,
        atoms: mda.Universe | mda.AtomGroup,
        variables: Mapping[str, CollectiveVariable],
        references: Mapping[str, np.ndarray] | None = None,
    ):
        self._atoms = atoms.atoms
        self._references = references or {}
        self._row_of = {index: row for row, index in enumerate(self._atoms.ix)}
        self.columns = [column(key, cv) for key, cv in variables.items()]
        self.labels: dict[str, str] = {}
        self._compute: dict[str, Compute] = {}
        for key, cv in variables.items():
            label, compute = self._resolve(f"collective_variables.{key}", cv)
            self.labels[column(key, cv)] = label or key.replace("_", " ")
            self._compute[column(key, cv)] = compute

    def compute(self, coordinates: np.ndarray) -> dict[str, np.ndarray]:
        """Column name -> values (F,), float64, of coordinates (F, A, 3) or (F, L, 4, 3) in nm."""
        points = np.asarray(coordinates)
        points = points.reshape(len(points), -1, 3)
        if points.shape[1] != len(self._atoms):
            raise ValueError(f"coordinates have {points.shape[1]} atoms, the topology has {len(self._atoms)}")
        return {name: compute(points) for name, compute in self._compute.items()}

    def _resolve(self, place: str, cv: CollectiveVariable) -> tuple[str | None, Compute]:
        if cv.type in _CENTRES:
            groups = [self._select(f"{place}.{field}", getattr(cv, field)) for field in _CENTRES[cv.type]]
            return self._label(cv.type, groups), _of_centres(_MEASURES[cv.type], groups)
        if cv.type in ("phi", "psi"):
            groups = self._torsion_atoms(place, cv)
            return f"{_SYMBOLS[cv.type]}{cv.residue}", _of_centres(calc_dihedrals, groups)
        if cv.type == "coordinate":
            raise InputError(f"{place}: type coordinate belongs to a model potential; choose another type")
        rows = self._select(f"{place}.selection", cv.selection)
        if cv.type == "radius_of_gyration":
            return "radius of gyration", lambda points: _radius_of_gyration(points[:, rows])
        return f"RMSD to {cv.reference.replace('_', ' ')}", self._rmsd(place, cv.reference, rows)

    def _select(self, place: str, selection: str) -> np.ndarray:
        """Rows (a,) of the atoms that a selection names."""
        try:
            found = self._atoms.select_atoms(selection)
        except mda.SelectionError as error:
            raise InputError(f"{place}: MDAnalysis cannot read the selection '{selection}': {error}") from error
        if len(found) == 0:
            residues = self._atoms.residues
            raise InputError(
                f"{place}: the selection '{selection}' is empty; choose among N, CA, C, O of the "
                f"{len(residues)} residues {residues.resids[0]} to {residues.resids[-1]} of the modelled selection"
            )
        return np.array([self._row_of[index] for index in found.ix])

    def _label(self, kind: str, groups: list[np.ndarray]) -> str | None:
        """Label as "CA11–CA15 distance", where every selection is one atom; else None."""
        if any(len(rows) > 1 for rows in groups):
            return None
        atoms = [self._atoms[rows[0]] for rows in groups]
        return "–".join(f"{atom.name}{atom.resid}" for atom in atoms) + f" {kind}"

    def _torsion_atoms(self, place: str, cv: CollectiveVariable) -> list[np.ndarray]:
        """Rows of the atoms of phi, C(i-1) N CA C, or psi, N CA C N(i+1) (IUPAC, Biochemistry 9, 3471, 1970)."""
        residues = self._atoms.residues
        chains = np.array([_chain(residue) for residue in residues])
        candidates = residues.resids == cv.residue
        if cv.segment is not None:
            candidates &= (residues.segids == cv.segment) | (chains == cv.segment)
        found = np.flatnonzero(candidates)
        where = "" if cv.segment is None else f" in segment or chain '{cv.segment}'"
        if len(found) == 0:
            raise InputError(
                f"{place}.residue: no residue {cv.residue}{where}; the topology has residues "
                f"{residues.resids[0]} to {residues.resids[-1]}"
            )
        if len(found) > 1:
            raise InputError(f"{place}.residue: {len(found)} residues have number {cv.residue}{where}; add `segment`")
        this, step = found[0], (-1 if cv.type == "phi" else 1)
        other = this + step
        bonded = 0 <= other < len(residues) and chains[other] == chains[this]
        bonded = bonded and residues.segids[other] == residues.segids[this]
        # Residues 52 and 52A (insertion code) are neighbours too, so a step of 0 is no gap.
        if not bonded or residues.resids[other] - residues.resids[this] not in (0, step):
            side = "before" if step < 0 else "after"
            raise InputError(
                f"{place}: {cv.type} of residue {cv.residue} does not exist, since no residue stands {side} it in the "
                f"chain; choose another residue"
            )
        pairs = [(this, "N"), (this, "CA"), (this, "C")]
        pairs = [(other, "C"), *pairs] if step < 0 else [*pairs, (other, "N")]
        return [self._atom(place, residues[index], name) for index, name in pairs]

    def _atom(self, place: str, residue, name: str) -> np.ndarray:
        found = self._atoms.intersection(residue.atoms).select_atoms(f"name {name}")
        if len(found) != 1:
            raise InputError(f"{place}: residue {residue.resname}{residue.resid} has {len(found)} atoms {name}, not 1")
        return np.array([self._row_of[found[0].ix]])

    def _rmsd(self, place: str, name: str, rows: np.ndarray) -> Compute:
        if name not in self._references:
            raise InputError(f"{place}.reference: no coordinates of '{name}' were given")
        models = np.asarray(self._references[name], dtype=np.float64).reshape(-1, len(self._atoms), 3)[:, rows]
        present = np.isfinite(models).all((0, 2))
        if present.sum() < _ATOMS_OF_A_POSE:
            raise InputError(
                f"{place}: {present.sum()} of the {len(rows)} selected atoms exist in reference '{name}'; a "
                f"superposition needs {_ATOMS_OF_A_POSE}: widen `selection`, or use another reference"
            )
        return lambda points: np.min([geometry.rmsd_of_present(points[:, rows], model) for model in models], axis=0)


def _of_centres(measure, groups: list[np.ndarray]) -> Compute:
    def compute(points: np.ndarray) -> np.ndarray:
        return measure(*(points[:, rows].mean(1, dtype=np.float64) for rows in groups))

    return compute


def _radius_of_gyration(points: np.ndarray) -> np.ndarray:
    """(F,) of points (F, a, 3): root of the mean squared distance from the centre, every atom with equal weight."""
    points = points.astype(np.float64)
    return np.sqrt(((points - points.mean(1, keepdims=True)) ** 2).sum(-1).mean(-1))


def _chain(residue) -> str:
    return residue.atoms[0].chainID if hasattr(residue.atoms, "chainIDs") else ""
