"""Prepare: from raw trajectories to frames with time, segment and state, in one pass and flat memory."""

import logging
from collections.abc import Sequence
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
from mdllm.molecules.apart import UnreadableFrame
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.molecules.reading import frames_of
from mdllm.molecules.selected import BackboneAndAtoms, SelectedAtoms
from mdllm.observables.bound import beyond_backbone, bind
from mdllm.observables.collective_variables import CollectiveVariables, column
from mdllm.observables.slow import SlowCoordinates, save_none
from mdllm.prepare.frames import AtomsOfInterest, FrameTable, Tally, open_listed, raw_chunks

logger = logging.getLogger(__name__)
_SEED = 0  # of k-means: prepared frames are common to all variants


def prepare(
    sources: dict,
    *,
    residues: str | None,
    atoms: str | None,
    sequence: list[str] | None = None,
    frame_interval_ps: float | str | None,
    stride: int,
    observables: Observables,
    output: Path,
    skip_damaged: bool = False,
    slow: bool = False,
    frames: Sequence[tuple[int, int]] | None = None,
) -> dict:
    """Write `topology.pdb`, `trajectory.xtc`, `frames.parquet` and `slow.npz` into `output`.

    Args:
        sources: what `mdllm.sources.acquire.acquire` returned.
        residues: MDAnalysis selection of the residues whose backbones are kept, N, CA, C, O of each; or None.
        atoms: where `residues` is None, MDAnalysis selection of the atoms that are kept.
        sequence: one letter per residue that is kept, for each chain; None: not checked.
        frame_interval_ps: time between raw frames; None: as the trajectories say; "unknown": nobody knows it.
        stride: keep every n-th raw frame.
        frames: of these ranges alone, first and last number over all files; None: of all.
        observables: collective variables, states and references that decide the state of a frame, and variables that
            frames are coded by. They see no atoms but those that are kept.
        skip_damaged: leave damaged frames out; else they are errors.
        slow: whether the slowest motions of the backbone are needed, for a plane or for states that nobody defined;
            they are then columns of the table, and `slow.npz` computes them. Without, that file is empty.

    The table has a row per kept frame: `frame` (number over all raw files, from 0), `time_ps`, `segment` (contiguous
    stretches: a new file, or a gap in time within one,
    or a damaged frame that is left out, starts a new segment), `state`, and the collective variables.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: names file, frame and residue or atom; see `mdllm.molecules` and `mdllm.prepare.frames`.
    """
    topology = Path(sources["topology"]["path"])
    kept = first_whole(sources, residues, atoms, skip_damaged)
    universe = kept.universe()
    if sequence is not None:
        check_sequence(universe.residues, "".join(sequence), str(topology))
    bound = bind(universe, observables, of_all_atoms=residues is None)
    beside, measured = _atoms_beside(kept, residues, observables, str(topology))
    counts = dict.fromkeys([*observables.named_states, OUTSIDE], 0)
    ranges = {name: [np.inf, -np.inf] for name in bound.variables.columns}
    total = sum(file["frames"] for file in sources["trajectories"])
    segments, tally = 0, Tally()
    with (
        TrajectoryWriter(output / "trajectory.xtc") as writer,
        FrameTable(output / "frames.parquet") as table,
        tqdm(total=total, desc="prepare", unit="frame", mininterval=1) as progress,
    ):
        read = beside or kept
        for chunk in raw_chunks(sources, read, stride, frame_interval_ps, progress, skip_damaged, tally, frames):
            coordinates = chunk.pop("coordinates")
            coordinates, atoms_beside = beside.split(coordinates) if beside else (coordinates, None)
            if not table.rows:
                write_topology(output / "topology.pdb", universe, coordinates[0])
            values = bound.variables.compute(coordinates)
            if measured is not None:
                values |= measured.compute(atoms_beside)
            state = bound.states.label(values, chunk["frame"])
            for name, number in zip(*np.unique(state, return_counts=True), strict=True):
                counts[str(name)] += int(number)
            for name, found in values.items():
                low, high = ranges[name]
                ranges[name] = [np.fmin.reduce(found, initial=low), np.fmax.reduce(found, initial=high)]
            times = chunk["time_ps"]
            writer.write(coordinates, np.where(np.isnan(times), chunk["frame"], times))
            table.append({**chunk, "state": state, **values})
            segments = int(chunk["segment"][-1]) + 1
    if not table.rows:
        raise InputError(f"no frame is left of the {total} raw frames ({', '.join(tally.described())})")
    for name, (low, high) in ranges.items():
        logger.info("%s: %.3g to %.3g", name, low, high)
    for state in observables.named_states:
        if not counts[state]:
            logger.warning(
                "no frame is in state %s: its region is either unvisited or wrong. %s",
                *(state, _compared(observables, state, ranges)),
            )
    if slow:
        counts = add_slow(output, observables.states == "auto")
    else:
        save_none(output / "slow.npz")
    about = {"frames": table.rows, "segments": segments, "frames_per_state": counts}
    return {**about, **kept.counts(), **tally.counts()}


def _compared(observables: Observables, state: str, ranges: dict[str, list[float]]) -> str:
    """The bounds of a state beside what its variables are in the frames, in words."""
    regions = observables.named_states[state]
    words = []
    for region in regions if isinstance(regions, list) else [regions]:
        for key, (low, high) in region.items():
            variable = observables.collective_variables[key]
            least, most = ranges[column(key, variable)]
            unit = variable.unit or "no unit"
            line = f"{key}: [{low:g}, {high:g}] in the state, {least:.3g} to {most:.3g} {unit} in the frames"
            if variable.unit == "nm" and low > most and low / 10 <= most and high / 10 >= least:
                line += " (are the bounds in ångström? Lengths are nm)"
            words.append(line)
    return "; ".join(dict.fromkeys(words))


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


def first_whole(sources: dict, residues: str | None, atoms: str | None, skip_damaged: bool) -> AtomsOfInterest:
    """What is kept, by the first frame that is not damaged.

    Raises:
        InputError: see `mdllm.molecules`; a first frame is damaged and not to be skipped, or all of them are.
    """
    topology = sources["topology"]["path"]
    for source in sources["trajectories"]:
        raw, path = open_listed(sources["topology"], source), Path(source["path"])
        for number in range(len(raw.trajectory)):
            try:
                (ts,) = frames_of(raw, path, number, number + 1)
            except UnreadableFrame:
                if not skip_damaged:
                    raise
                continue
            if not ts.has_positions:
                continue
            if residues is None:
                kept = SelectedAtoms(raw, atoms, topology)
            else:
                kept = BackboneAtoms.select(raw, residues, topology)
            boxed = ts.dimensions is not None and bool(np.all(ts.dimensions[:3] > 0))
            damage = kept.check_first(boxed)
            if not damage:
                _describe(kept, topology)
                return kept
            if not skip_damaged:
                place = f"{path}, frame {number}"
                raise InputError(
                    f"{damage[0].at(place)}. If the topology is that of these frames, "
                    "leave such frames out: `skip_damaged: true` in the system file"
                )
    raise InputError(f"{topology}: no frame of the trajectories has positions that could be those of its atoms")


def _atoms_beside(
    kept: AtomsOfInterest, residues: str | None, observables: Observables, topology: str
) -> tuple[BackboneAndAtoms | None, CollectiveVariables | None]:
    """The backbone with all atoms of its residues, and the variables that need these; None where no variable does."""
    keys = [] if residues is None else beyond_backbone(observables)
    if not keys:
        return None, None
    logger.warning(
        "%s: measured on raw frames alone, since generated frames have N, CA, C and O: empty there, so that no "
        "generated frame is in a state of theirs",
        ", ".join(keys),
    )
    atoms = SelectedAtoms(kept.residues.universe, f"same residue as ({residues})", topology)
    variables = {key: observables.collective_variables[key] for key in keys}
    return BackboneAndAtoms(kept, atoms), CollectiveVariables(atoms.universe(), variables)


def _describe(kept: AtomsOfInterest, topology: str) -> None:
    """Say in the log what is kept, and what had to be made up for it."""
    if isinstance(kept, SelectedAtoms):
        logger.info("%s: %d atoms", topology, len(kept.atoms))
        return
    logger.info("%s: %d residues", topology, len(kept.residues))
    chains = kept.chains()
    say = logger.info if chains.named or len(set(chains.letters)) == 1 else logger.warning
    made_up = "" if chains.named else " the file does not name or repeats, made of what is bonded"
    say("%s: chains%s: %s", topology, made_up, "; ".join(chains.described(kept.residues)))
    if breaks := kept.breaks():
        logger.warning("%s: breaks within a chain, over which no torsion is taken: %s", topology, "; ".join(breaks))
    if kept.missing_oxygens:
        logger.info("carbonyl O placed by ideal geometry: %s", ", ".join(kept.missing_oxygens))
