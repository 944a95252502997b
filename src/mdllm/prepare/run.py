"""Prepare: from raw trajectories to frames with time, segment and state, in one pass and flat memory."""

import logging
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
from tqdm import tqdm

from mdllm.config.settings.system import OUTSIDE, Observables
from mdllm.core.errors import InputError
from mdllm.core.records import replacing
from mdllm.core.sequences import letter
from mdllm.core.trajectories import TrajectoryWriter, iterate_backbone, open_backbone, write_topology
from mdllm.observables.bound import bind
from mdllm.observables.slow import SlowCoordinates, save_none
from mdllm.prepare.backbone import BackboneAtoms
from mdllm.prepare.frames import AtomsOfInterest, FrameTable, raw_chunks
from mdllm.prepare.selected import SelectedAtoms
from mdllm.sources.raw import open_raw

logger = logging.getLogger(__name__)
_SEED = 0  # of k-means: prepared frames are common to all variants


def prepare(
    sources: dict,
    *,
    residues: str | None,
    atoms: str | None,
    sequence: list[str] | None = None,
    frame_interval_ps: float | None,
    stride: int,
    observables: Observables,
    output: Path,
    slow: bool = False,
) -> dict:
    """Write `topology.pdb`, `trajectory.xtc`, `frames.parquet` and `slow.npz` into `output`.

    Args:
        sources: what `mdllm.sources.acquire.acquire` returned.
        residues: MDAnalysis selection of the residues whose backbones are kept, N, CA, C, O of each; or None.
        atoms: where `residues` is None, MDAnalysis selection of the atoms that are kept.
        sequence: one letter per residue that is kept, for each chain; None: not checked.
        frame_interval_ps: time between raw frames; None: as the trajectories say.
        stride: keep every n-th raw frame.
        observables: collective variables, states and references that decide the state of a frame, and variables that
            frames are coded by. They see no atoms but those that are kept.
        slow: whether the slowest motions of the backbone are needed, for a plane or for states that nobody defined;
            they are then columns of the table, and `slow.npz` computes them. Without, that file is empty.

    The table has a row per kept frame: `frame` (number over all raw files, from 0), `time_ps`, `segment` (contiguous
    stretches: a new file, or a gap in time within one, starts a new segment), `state`, and the collective variables.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: names file, frame and residue or atom; see `mdllm.prepare.backbone` and `mdllm.prepare.selected`.
    """
    topology = Path(sources["topology"]["path"])
    kept = _kept(topology, residues, atoms)
    universe = kept.universe()
    if sequence is not None:
        check_sequence(universe.residues, "".join(sequence), str(topology))
    bound = bind(universe, observables)
    counts = dict.fromkeys([*observables.named_states, OUTSIDE], 0)
    total = sum(file["frames"] for file in sources["trajectories"])
    segments = 0
    with (
        TrajectoryWriter(output / "trajectory.xtc") as writer,
        FrameTable(output / "frames.parquet") as table,
        tqdm(total=total, desc="prepare", unit="frame", mininterval=1) as progress,
    ):
        for chunk in raw_chunks(sources, kept, stride, frame_interval_ps, progress):
            if not table.rows:
                write_topology(output / "topology.pdb", universe, chunk["coordinates"][0])
            coordinates = chunk.pop("coordinates")
            values, state = bound.measure(coordinates, chunk["frame"])
            for name, number in zip(*np.unique(state, return_counts=True), strict=True):
                counts[str(name)] += int(number)
            writer.write(coordinates, chunk["time_ps"])
            table.append({**chunk, "state": state, **values})
            segments = int(chunk["segment"][-1]) + 1
    if slow:
        counts = add_slow(output, observables.states == "auto")
    else:
        save_none(output / "slow.npz")
    empty = [state for state in observables.named_states if not counts[state]]
    if empty:
        logger.warning("no frame is in state %s: its region is either unvisited or wrong", ", ".join(empty))
    return {"frames": table.rows, "segments": segments, "frames_per_state": counts, **kept.counts()}


def add_slow(folder: Path, states: bool) -> dict[str, int]:
    """Fit the slowest motions to the prepared frames, and put them, and their states if asked for, into the table.

    Returns:
        frames per state.
    """
    table = pd.read_parquet(folder / "frames.parquet")
    universe = open_backbone(folder / "topology.pdb", folder / "trajectory.xtc")
    slow = SlowCoordinates.fit(universe, table["segment"].to_numpy(), states, _SEED)
    parts = [pd.DataFrame(slow.compute(backbone)) for _, backbone in iterate_backbone(universe)]
    table = table.assign(**pd.concat(parts, ignore_index=True))
    if states:
        table["state"] = slow.label(table)
    slow.save(folder / "slow.npz")
    with replacing(folder / "frames.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    return {str(name): int(number) for name, number in table["state"].value_counts().items()}


def check_sequence(residues: mda.ResidueGroup, expected: str, topology: str) -> None:
    """Compare those of `residues` that have a CA, which caps have not, with the `sequence` of a system file.

    Raises:
        InputError: names the first residue that differs, or says how many there are.
    """
    found = [(letter(residue.resname), residue) for residue in residues if "CA" in residue.atoms.names]
    for number, ((code, residue), wanted) in enumerate(zip(found, expected, strict=False)):
        if code != wanted:
            raise InputError(
                f"{topology}: residue {residue.resname} {residue.resid} is {code}, and `sequence` has {wanted} as its "
                f"letter {number + 1}; the sequence of the frames is {''.join(code for code, _ in found)}: correct "
                "`sequence`, the selection, or the files"
            )
    if len(found) != len(expected):
        raise InputError(
            f"{topology}: {len(found)} residues are kept, and `sequence` has {len(expected)} letters; the sequence of "
            f"the frames is {''.join(code for code, _ in found)}: correct `sequence`, the selection, or the files"
        )


def _kept(topology: Path, residues: str | None, atoms: str | None) -> AtomsOfInterest:
    raw = open_raw(topology)
    if residues is None:
        selected = SelectedAtoms(raw, atoms, str(topology))
        logger.info("%s: %d atoms", topology, len(selected.atoms))
        return selected
    backbone = BackboneAtoms.select(raw, residues, str(topology))
    logger.info("%s: %d residues", topology, len(backbone.residues))
    if backbone.missing_oxygens:
        logger.info("carbonyl O placed by ideal geometry: %s", ", ".join(backbone.missing_oxygens))
    return backbone
