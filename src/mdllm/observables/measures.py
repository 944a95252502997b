"""How each collective variable is computed: its settings and the atoms it is bound to, to a label and a function.

Axes: F frames, A atoms, M models of a reference. Coordinates are nm, angles radian.
"""

from collections.abc import Callable

import numpy as np
from MDAnalysis.lib.distances import calc_angles, calc_bonds, calc_dihedrals

from mdllm.core import geometry
from mdllm.core.errors import InputError
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.molecules.chains import chain_ids, icodes, numbers
from mdllm.observables.binding import Binding
from mdllm.observables.settings import (
    AngleCV,
    CoordinateCV,
    DihedralCV,
    DistanceCV,
    GyrationCV,
    NumberCV,
    RmsdCV,
    TorsionCV,
)

Compute = Callable[[np.ndarray], np.ndarray]
Measure = tuple[str | None, Compute]

_SYMBOLS = {"phi": "φ", "psi": "ψ"}
_ATOMS_OF_A_POSE = 3


def distance(cv: DistanceCV, binding: Binding) -> Measure:
    return _between_centres(cv, binding, ("a", "b"), calc_bonds)


def angle(cv: AngleCV, binding: Binding) -> Measure:
    return _between_centres(cv, binding, ("a", "b", "c"), calc_angles)


def dihedral(cv: DihedralCV, binding: Binding) -> Measure:
    return _between_centres(cv, binding, ("a", "b", "c", "d"), calc_dihedrals)


def torsion(cv: TorsionCV, binding: Binding) -> Measure:
    groups = _torsion_atoms(cv, binding)
    chain = binding.chain_of(binding.atoms[groups[1][0]])  # N or CA of the residue itself
    return f"{chain}{_SYMBOLS[cv.type]}{cv.residue}", _of_centres(calc_dihedrals, groups)


def rmsd(cv: RmsdCV, binding: Binding) -> Measure:
    """To the nearest of M models, over the selected atoms that all of them have.

    Raises:
        InputError: fewer atoms than a superposition needs.
    """
    rows = binding.select("selection", cv.selection)
    models = binding.reference(cv.reference)[:, rows]
    present = np.isfinite(models).all((0, 2))
    if present.sum() < _ATOMS_OF_A_POSE:
        raise InputError(
            f"{binding.place}: {present.sum()} of the {len(rows)} selected atoms exist in reference '{cv.reference}'; "
            f"a superposition needs {_ATOMS_OF_A_POSE}: widen `selection`, or use another reference"
        )

    def compute(points: np.ndarray) -> np.ndarray:
        return np.min([geometry.rmsd_of_present(points[:, rows], model) for model in models], axis=0)

    return f"RMSD to {cv.reference.replace('_', ' ')}", compute


def radius_of_gyration(cv: GyrationCV, binding: Binding) -> Measure:
    """Root of the mean squared distance from the centre, every atom with equal weight."""
    rows = binding.select("selection", cv.selection)

    def compute(points: np.ndarray) -> np.ndarray:
        chosen = points[:, rows].astype(np.float64)
        return np.sqrt(((chosen - chosen.mean(1, keepdims=True)) ** 2).sum(-1).mean(-1))

    return "radius of gyration", compute


def without_atoms(cv: CoordinateCV | NumberCV, binding: Binding) -> Measure:
    raise InputError(f"{binding.place}: type {cv.type} is no measure of atoms; choose another type")


def _between_centres(cv, binding: Binding, fields: tuple[str, ...], measure) -> Measure:
    groups = [binding.select(field, getattr(cv, field)) for field in fields]
    return binding.label(cv.type, groups), _of_centres(measure, groups)


def _of_centres(measure, groups: list[np.ndarray]) -> Compute:
    def compute(points: np.ndarray) -> np.ndarray:
        return measure(*(points[:, rows].mean(1, dtype=np.float64) for rows in groups))

    return compute


def _torsion_atoms(cv: TorsionCV, binding: Binding) -> list[np.ndarray]:
    """Rows of the atoms of phi, C(i-1) N CA C, or psi, N CA C N(i+1) (IUPAC, Biochemistry 9, 3471, 1970).

    The neighbour is the residue that is bonded, by the distance of C and N in the first frame: numbers run on over
    missing residues, and jump over bonds.
    """
    residues, place = binding.atoms.residues, binding.place
    number, code = cv.number()
    chains, codes = np.array(chain_ids(residues)), np.array(icodes(residues))
    candidates = (residues.resids == number) & (codes == code)
    if cv.segment is not None:
        candidates &= (residues.segids == cv.segment) | (chains == cv.segment)
    found = np.flatnonzero(candidates)
    where = "" if cv.segment is None else f" in segment or chain '{cv.segment}'"
    if len(found) == 0:
        inserted = [f"{cv.residue}{code}" for code in codes[residues.resids == number] if code]
        also = f"; there are {', '.join(inserted)}" if inserted else ""
        raise InputError(
            f"{place}.residue: no residue {cv.residue}{where}; the topology has residues {numbers(residues)}{also}"
        )
    if len(found) > 1:
        raise InputError(
            f"{place}.residue: {len(found)} residues have number {cv.residue}{where}; add `segment`: "
            f"{', '.join(binding.describe(residues[index]) for index in found)}"
        )
    this, step = found[0], (-1 if cv.type == "phi" else 1)
    other = this + step
    if not (0 <= other < len(residues) and _bound(binding, *sorted((this, other)))):
        side = "before" if step < 0 else "after"
        raise InputError(
            f"{place}: {cv.type} of residue {cv.residue} does not exist, since no residue stands {side} it in the "
            f"chain (none is bonded there: no C-N distance below {geometry.PEPTIDE_BOND_NM} nm in the first frame); "
            "choose another residue"
        )
    pairs = [(this, "N"), (this, "CA"), (this, "C")]
    pairs = [(other, "C"), *pairs] if step < 0 else [*pairs, (other, "N")]
    return [binding.atom(residues[index], name) for index, name in pairs]


def _bound(binding: Binding, before: int, after: int) -> bool:
    """Whether C of one residue and N of the next are a bond's length apart."""
    first, second = (binding.atoms.intersection(binding.atoms.residues[i].atoms) for i in (before, after))
    ends = first.select_atoms("name C").positions, second.select_atoms("name N").positions
    if not (len(ends[0]) and len(ends[1])):
        return False
    return bool(np.linalg.norm(ends[1][0] - ends[0][0]) <= geometry.PEPTIDE_BOND_NM * ANGSTROM_PER_NM)
