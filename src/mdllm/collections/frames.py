"""Runs of structures, of trajectories and of mdCATH: frames of one chain, checked, in chunks of flat memory."""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from MDAnalysis.lib.mdamath import triclinic_box
from tqdm import tqdm

from mdllm.collections.chains import all_chains, find_chains, only_chain, with_missing
from mdllm.collections.proteins import Chunk, Run
from mdllm.core.errors import InputError
from mdllm.core.sequences import UNKNOWN, sequence
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.molecules.damage import damaged_backbones
from mdllm.molecules.reading import open_raw
from mdllm.prepare import times as raw_times
from mdllm.prepare.frames import raw_chunks
from mdllm.sources.mdcath import INTERVAL_PS, DomainFile, MdcathRuns
from mdllm.sources.raw import inspect_trajectory

logger = logging.getLogger(__name__)


def structure_run(path: Path, selection: str | None, chain: str | None = None, **known) -> Run:
    """A structure file; its models are frames that do not follow each other in time.

    Args:
        selection: MDAnalysis selection of what may be taken; None: everything.
        chain: its identifier; None: there must be one only.
        known: attributes of the run.

    Raises:
        InputError: the file cannot be read, or it has several chains; when frames are read, one that is damaged.
    """
    universe = open_raw(path)
    chains = find_chains(universe, selection, str(path))
    atoms = only_chain(chains, str(path)) if chain is None else chains[chain]

    def chunks() -> Iterator[Chunk]:
        frames = [atoms.cut(model.positions, None) for model in universe.trajectory]
        yield 0, _checked(atoms, np.stack(frames), str(path), 0)

    letters = _sequence(atoms, str(path))
    backbone = atoms.cut(universe.atoms.positions, None)
    return Run(sequence=letters, gapped=with_missing(letters, atoms, backbone), chunks=chunks, **known)


def trajectory_run(
    topology: Path, trajectory: Path, selection: str | None, interval_ps: float | None = None, **known
) -> Run:
    """A trajectory file; a gap in time ends a segment. Without `interval_ps`, that of its first two frames counts.

    Raises:
        InputError: as `structure_run`; also a file that is truncated, or does not fit its topology.
    """
    frames = inspect_trajectory(topology, trajectory)["frames"]
    universe = open_raw(topology, trajectory)
    believed = raw_times.placeholder(universe.trajectory) is None
    times = [universe.trajectory[frame].time for frame in range(min(frames, 2) if believed else 1)]
    universe.trajectory[0]
    atoms = only_chain(find_chains(universe, selection, str(topology)), str(topology))
    sources = {
        "topology": {"path": str(topology)},
        "trajectories": [{"path": str(trajectory), "frames": frames}],
    }

    def chunks() -> Iterator[Chunk]:
        done = 0
        for chunk in raw_chunks(sources, atoms, 1, None if believed else raw_times.UNKNOWN, tqdm(disable=True)):
            backbone = _checked(atoms, chunk["coordinates"], str(trajectory), done)
            done += len(backbone)
            for segment in np.unique(chunk["segment"]):
                yield int(segment), backbone[chunk["segment"] == segment]

    step = float(times[-1] - times[0])
    return Run(
        sequence=_sequence(atoms, str(topology)),
        chunks=chunks,
        interval_ps=interval_ps or (step if step > 0 else None),
        **known,
    )


def mdcath_runs(path: Path, domain: str, wanted: MdcathRuns) -> list[Run]:
    """The runs of a domain of mdCATH, which may be several pieces of a chain, up to a damaged frame each.

    Raises:
        InputError: a run is not there, or the file is damaged.
    """
    with DomainFile(path, domain) as file:
        atoms = all_chains(find_chains(file.universe(), None, str(path)))
        letters, runs = _sequence(atoms, str(path)), file.runs(wanted)

    def chunks(temperature_k: int, replica: int) -> Iterator[Chunk]:
        place, done = f"{path}, {temperature_k} K, replica {replica}", 0
        with DomainFile(path, domain) as file:
            for positions, box in file.chunks(temperature_k, replica):
                dimensions = None if box is None else triclinic_box(*(box * ANGSTROM_PER_NM))
                backbone = np.stack([atoms.cut(frame, dimensions) for frame in positions])
                yield 0, _checked(atoms, backbone, place, done)
                done += len(backbone)

    return [
        Run(f"{domain}/{kelvin}/{number}", letters, partial(chunks, kelvin, number), INTERVAL_PS, kelvin, str(number))
        for kelvin, number in runs
    ]


def _sequence(atoms: BackboneAtoms, place: str) -> str:
    """The letters of a chain, with a warning that names residues of unknown type."""
    letters = sequence(atoms.residues.resnames)
    unknown = [
        f"{residue.resname} {residue.resid}"
        for residue, found in zip(atoms.residues, letters, strict=True)
        if found == UNKNOWN
    ]
    if unknown:
        logger.warning("%s: residues of unknown type, X in the sequence: %s", place, ", ".join(unknown))
    return letters


def _checked(atoms: BackboneAtoms, backbone: np.ndarray, label: str, first: int) -> np.ndarray:
    """Backbones (F, L, 4, 3) in nm, after a check of every frame; `first` is the number of the first.

    Raises:
        InputError: names the first frame that is damaged, and the residue.
    """
    boxed, apart = np.ones(len(backbone), bool), np.zeros(len(atoms.residues) - 1, bool)  # models may have other breaks
    for damage in damaged_backbones(backbone, boxed, atoms.residues, apart):
        raise InputError(
            f"{damage.at(f'{label}, frame {first + damage.frame}')}; cut the frame out, or leave the file out"
        )
    return backbone
