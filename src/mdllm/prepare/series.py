"""Prepare a system whose kinetics are learned: chosen atoms and collective variables of every frame, nothing decoded.

Axes: F frames, A chosen atoms.
"""

import logging
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from tqdm import tqdm

from mdllm.config.settings.system import CollectiveVariable
from mdllm.core.errors import InputError
from mdllm.core.trajectories import ANGSTROM_PER_NM, TrajectoryWriter
from mdllm.observables.collective_variables import CollectiveVariables
from mdllm.prepare.backbone import whole
from mdllm.prepare.frames import FrameTable, raw_chunks
from mdllm.sources.raw import open_raw

logger = logging.getLogger(__name__)


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


def prepare_series(
    sources: dict,
    *,
    atoms: str,
    frame_interval_ps: float | None,
    variables: dict[str, CollectiveVariable],
    output: Path,
) -> dict:
    """Write `atoms.pdb`, `atoms.xtc` and `frames.parquet` into `output`.

    Args:
        sources: what `data.acquire.acquire` returned.
        atoms: MDAnalysis selection of the atoms that are kept; the collective variables see no others.
        frame_interval_ps: time between raw frames; None: as the trajectories say.
        variables: collective variables by key.

    The table has a row per frame: `frame`, `time_ps`, `segment` (a new file, or a gap in time within one, starts a new
    segment) and the collective variables, nm or radian.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: names file and frame, or the selection.
    """
    topology = Path(sources["topology"]["path"])
    chosen = SelectedAtoms(open_raw(topology), atoms, str(topology))
    bound = CollectiveVariables(chosen.atoms, variables)
    total = sum(file["frames"] for file in sources["trajectories"])
    segments = 0
    with (
        TrajectoryWriter(output / "atoms.xtc") as writer,
        FrameTable(output / "frames.parquet") as table,
        tqdm(total=total, desc="prepare", unit="frame", mininterval=1) as progress,
    ):
        for chunk in raw_chunks(sources, chosen, 1, frame_interval_ps, progress):
            coordinates = chunk.pop("coordinates")
            if not table.rows:
                _write_topology(output / "atoms.pdb", chosen.atoms, coordinates[0])
            writer.write(coordinates, chunk["time_ps"])
            table.append({**chunk, **bound.compute(coordinates)})
            segments = int(chunk["segment"][-1]) + 1
    logger.info("%s: %d atoms, %d frames, %d segments", topology, len(chosen.atoms), table.rows, segments)
    return {"frames": table.rows, "segments": segments, "atoms": len(chosen.atoms)}


def _write_topology(path: Path, atoms: mda.AtomGroup, coordinates: np.ndarray) -> None:
    universe = mda.Merge(atoms)
    universe.atoms.positions = coordinates * ANGSTROM_PER_NM
    universe.dimensions = None
    with mda.Writer(str(path), bonds=None, multiframe=False) as writer:
        writer.write(universe.atoms)
