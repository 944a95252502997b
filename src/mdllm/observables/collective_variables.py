"""Collective variables (CVs): selections resolved once, then values for any batch of backbone coordinates.

Axes: F frames, A atoms of the system's backbone, M models of a reference. The same code serves MD frames, decoded
frames and reference structures. Coordinates are nm, angles radian; a column name ends in its unit.

Pitfalls: molecules must be whole, since no periodic image is looked up here. A selection of several atoms stands for
its unweighted centre, which for a selection spread over mobile parts is a point where no atom ever is. An atom that
a reference structure lacks is NaN, and so is every CV that needs it.
"""

from collections.abc import Collection, Mapping

import MDAnalysis as mda
import numpy as np

from mdllm.config.choices import VariableSettings
from mdllm.observables.binding import Binding


def column(key: str, cv: VariableSettings) -> str:
    """Name of the CV's column in every table: its key and its unit, as in `distance_113_117_nm`."""
    return f"{key}_{cv.unit}".rstrip("_")


class CollectiveVariables:
    """CVs bound to one topology.

    Args:
        atoms: Universe or AtomGroup of the atoms that are kept of the system; its order is the order of the coordinates
            later on.
        variables: CVs by key, as in the system file.
        references: coordinates (M, A, 3) or (A, 3) in nm by name, for `rmsd` CVs; `training_start` among them. NaN
            marks atoms without counterpart: they are left out of the RMSD. Of M models the nearest counts.
        absent: keys of variables whose atoms are not among `atoms`; their values are NaN.

    Raises:
        InputError: a selection is misspelled or empty, a residue does not exist or is ambiguous or has no neighbour
            that its torsion needs, or a reference was not given; the message names the key of the CV.
    """

    def __init__(
        self,
        atoms: mda.Universe | mda.AtomGroup,
        variables: Mapping[str, VariableSettings],
        references: Mapping[str, np.ndarray] | None = None,
        absent: Collection[str] = (),
    ):
        self._atoms = len(atoms.atoms)
        self.columns = [column(key, cv) for key, cv in variables.items()]
        self.labels: dict[str, str] = {}
        self._compute = {}
        self.absent = [column(key, variables[key]) for key in absent]
        for key, cv in variables.items():
            if key in absent:
                self.labels[column(key, cv)] = key.replace("_", " ")
                self._compute[column(key, cv)] = lambda points: np.full(len(points), np.nan)
                continue
            label, compute = cv.load()(cv, Binding(f"collective_variables.{key}", atoms.atoms, references or {}))
            self.labels[column(key, cv)] = label or key.replace("_", " ")
            self._compute[column(key, cv)] = compute

    def compute(self, coordinates: np.ndarray) -> dict[str, np.ndarray]:
        """Column name -> values (F,), float64, of coordinates (F, A, 3) or (F, L, 4, 3) in nm."""
        points = np.asarray(coordinates)
        points = points.reshape(len(points), -1, 3)
        if points.shape[1] != self._atoms:
            raise ValueError(f"coordinates have {points.shape[1]} atoms, the topology has {self._atoms}")
        return {name: compute(points) for name, compute in self._compute.items()}
