"""Chosen atoms of a raw topology, kept where a frame is one code and nothing is decoded."""

import MDAnalysis as mda
import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.prepare.backbone import whole


class SelectedAtoms:
    """The atoms of a MDAnalysis selection.

    Raises:
        InputError: the selection is invalid or empty.
    """

    def __init__(self, universe: mda.Universe, selection: str, topology: str):
        try:
            self.atoms = universe.select_atoms(selection)
        except (mda.SelectionError, AttributeError) as error:
            raise InputError(f"atoms: '{selection}' is not valid for {topology}: {error}") from error
        if len(self.atoms) == 0:
            raise InputError(f"atoms: '{selection}' matches no atom of {topology}")

    def cut(self, positions: np.ndarray, dimensions: np.ndarray | None) -> np.ndarray:
        points = positions[self.atoms.ix].astype(np.float64)
        if dimensions is not None and np.all(dimensions[:3] > 0):
            points = whole(points, dimensions)
        return (points / ANGSTROM_PER_NM).astype(np.float32)

    def check(self, coordinates: np.ndarray, place: str) -> None:
        self.check_finite(coordinates[None], [place])

    def check_finite(self, coordinates: np.ndarray, places: list[str]) -> None:
        bad = ~np.isfinite(coordinates).all(axis=-1)
        if bad.any():
            frame, index = np.argwhere(bad)[0]
            atom = self.atoms[index]
            raise InputError(
                f"{places[frame]}: coordinates of atom {atom.name} of {atom.resname} {atom.resid} are not finite; cut "
                "the frame out, or simulate it again"
            )

    def chain_breaks(self, coordinates: np.ndarray) -> list[str]:
        return []

    def universe(self) -> mda.Universe:
        """A universe of these atoms alone."""
        return mda.Merge(self.atoms)

    def counts(self) -> dict[str, int]:
        """What is kept, for the log and the provenance record."""
        return {"atoms": len(self.atoms)}
