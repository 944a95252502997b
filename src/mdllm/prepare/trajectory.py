"""Prepare: from raw trajectories to backbone frames with time, segment and state, in one pass and flat memory."""

import logging
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mdllm.config.settings.system import Observables
from mdllm.core.trajectories import TrajectoryWriter, backbone_universe, write_topology
from mdllm.observables.bound import bind
from mdllm.observables.states import OUTSIDE
from mdllm.prepare.backbone import BackboneAtoms
from mdllm.prepare.frames import FrameTable, raw_chunks
from mdllm.sources.raw import open_raw

logger = logging.getLogger(__name__)


def prepare(
    sources: dict,
    *,
    selection: str,
    frame_interval_ps: float | None,
    stride: int,
    observables: Observables,
    output: Path,
) -> dict:
    """Write `backbone.pdb`, `backbone.xtc` and `frames.parquet` into `output`.

    Args:
        sources: what `data.acquire.acquire` returned.
        selection: MDAnalysis selection of the residues to model.
        frame_interval_ps: time between raw frames; None: as the trajectories say.
        stride: keep every n-th raw frame.
        observables: collective variables, states and references that decide the state of a frame.

    The table has a row per kept frame: `frame` (number over all raw files, from 0), `time_ps`, `segment` (contiguous
    stretches: a new file, or a gap in time within one, starts a new segment), `state`, and the collective variables.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: names file, frame and residue; see `data.backbone`. Also if a state holds no frame at all.
    """
    topology = Path(sources["topology"]["path"])
    atoms = BackboneAtoms.select(open_raw(topology), selection, str(topology))
    _report(atoms, topology)
    universe = backbone_universe(atoms.residues)
    bound = bind(universe, observables)
    counts = dict.fromkeys([*observables.states, OUTSIDE], 0)
    total = sum(file["frames"] for file in sources["trajectories"])
    with (
        TrajectoryWriter(output / "backbone.xtc") as writer,
        FrameTable(output / "frames.parquet") as table,
        tqdm(total=total, desc="prepare", unit="frame", mininterval=1) as progress,
    ):
        for chunk in raw_chunks(sources, atoms, stride, frame_interval_ps, progress):
            if not table.rows:
                write_topology(output / "backbone.pdb", universe, chunk["coordinates"][0])
            backbone = chunk.pop("coordinates")
            values, state = bound.measure(backbone, chunk["frame"])
            for name, number in zip(*np.unique(state, return_counts=True), strict=True):
                counts[str(name)] += int(number)
            writer.write(backbone, chunk["time_ps"])
            table.append({**chunk, "state": state, **values})
    empty = [state for state in observables.states if not counts[state]]
    if empty:
        logger.warning("no frame is in state %s: its region is either unvisited or wrong", ", ".join(empty))
    return {"frames": table.rows, "frames_per_state": counts, "residues": len(atoms.residues)}


def _report(atoms: BackboneAtoms, topology: Path) -> None:
    logger.info("%s: %d residues", topology, len(atoms.residues))
    if atoms.missing_oxygens:
        logger.info("carbonyl O placed by ideal geometry: %s", ", ".join(atoms.missing_oxygens))
