"""Backbone trajectories on disk: one PDB for the residues, one XTC for the frames, read and written in chunks.

Every trajectory of the workflow, simulated or generated, has this form: N, CA, C, O of each residue in turn, so that
an array (F, L, 4, 3) in nm is the file's content and nothing else. MDAnalysis works in ångström; the conversion
stands here.
"""

import errno
import logging
from collections.abc import Iterator
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from tqdm import tqdm

from mdllm.core.errors import InputError
from mdllm.core.geometry import BACKBONE_ATOMS

logger = logging.getLogger(__name__)

ANGSTROM_PER_NM = 10.0
_NO_BOX = np.zeros((3, 3), np.float32)
_PER_NM = 1000.0  # precision of an XTC file
_ATOMS = len(BACKBONE_ATOMS)
_SEGMENT_COLUMNS = 4
_SEGMENT_REMARK = "REMARK 999 SEGMENT OF CHAIN"


def backbone_universe(
    residues: mda.ResidueGroup,
    backbone: np.ndarray | None = None,
    chains: np.ndarray | None = None,
    segments: np.ndarray | None = None,
) -> mda.Universe:
    """A universe of the N, CA, C, O of `residues`, with their names, numbers, insertion codes and chains.

    Args:
        backbone: (L, 4, 3) in nm; None: where the atoms of these names are in the universe of `residues`.
        chains: (L,) one letter each; None: the first letter that the residues have, or A.
        segments: (L,) names; None: those of the residues.
    """
    count = len(residues)
    if chains is None:
        ids = [residue.atoms[0].chainID if hasattr(residue.atoms, "chainIDs") else "" for residue in residues]
        chains = np.array([(chain or "A")[:1] for chain in ids])
    segments = residues.segids if segments is None else segments
    names, of_residue = np.unique(np.asarray(segments, str), return_inverse=True)
    universe = mda.Universe.empty(
        count * _ATOMS,
        n_residues=count,
        n_segments=len(names),
        atom_resindex=np.repeat(np.arange(count), _ATOMS),
        residue_segindex=of_residue,
        trajectory=True,
    )
    universe.add_TopologyAttr("name", list(BACKBONE_ATOMS) * count)
    universe.add_TopologyAttr("element", [name[0] for name in BACKBONE_ATOMS] * count)
    universe.add_TopologyAttr("resname", residues.resnames)
    universe.add_TopologyAttr("resid", residues.resids)
    universe.add_TopologyAttr("resnum", residues.resids)
    universe.add_TopologyAttr("icode", residues.icodes if hasattr(residues, "icodes") else [""] * count)
    universe.add_TopologyAttr("chainID", np.repeat(chains, _ATOMS).tolist())
    universe.add_TopologyAttr("segid", names.tolist())
    for attribute, value in (("altLoc", ""), ("record_type", "ATOM")):
        universe.add_TopologyAttr(attribute, [value] * count * _ATOMS)
    for attribute, value in (("occupancy", 1.0), ("tempfactor", 0.0)):
        universe.add_TopologyAttr(attribute, np.full(count * _ATOMS, value))
    points = _named_atoms(residues) if backbone is None else backbone.reshape(-1, 3) * ANGSTROM_PER_NM
    universe.atoms.positions = points
    return universe


def _named_atoms(residues: mda.ResidueGroup) -> np.ndarray:
    """Positions (4 L, 3) of N, CA, C, O in ångström, the first of each name; zero where there is none."""
    points = np.zeros((len(residues) * _ATOMS, 3), np.float32)
    if hasattr(residues.universe, "trajectory"):
        positions = residues.universe.atoms.positions
        for number, residue in enumerate(residues):
            indices = dict(zip(residue.atoms.names[::-1], residue.atoms.ix[::-1], strict=True))
            for offset, name in enumerate(BACKBONE_ATOMS):
                if name in indices:
                    points[number * _ATOMS + offset] = positions[indices[name]]
    return points


def write_topology(path: Path, universe: mda.Universe, backbone: np.ndarray) -> None:
    """Write one frame (L, 4, 3), in nm, as the PDB that names the residues of a backbone trajectory.

    Names of segments that the format has no room for stand in remarks, by chain.
    """
    numbers = universe.residues.resids
    if len(numbers) and not -1000 < numbers.min() <= numbers.max() < 10000:
        logger.warning(
            "residue numbers reach from %d to %d, and the PDB format has four columns for them: %s has their last four "
            "digits; renumber the residues of the topology",
            *(numbers.min(), numbers.max(), path),
        )
    universe.atoms.positions = backbone.reshape(-1, 3) * ANGSTROM_PER_NM
    universe.dimensions = None
    with mda.Writer(str(path), bonds=None, multiframe=False) as writer:
        writer.write(universe.atoms)
    named = hasattr(universe.atoms, "chainIDs") and hasattr(universe.residues, "segids")
    if named and any(len(segment.segid) > _SEGMENT_COLUMNS for segment in universe.segments):
        chains = {residue.atoms[0].chainID: residue.segid for residue in universe.residues}
        remarks = [f"{_SEGMENT_REMARK} {chain} {segment}\n" for chain, segment in chains.items()]
        path.write_text("".join(remarks) + path.read_text())


class TrajectoryWriter:
    """Appends chunks (F, ..., 3) in nm to an XTC file (coordinates rounded to 0.001 nm), without a box.

    The file object of MDAnalysis, not its writer of atom groups, which takes longer for a frame of a few atoms than
    compressing it does.
    """

    def __init__(self, path: Path):
        self._path, self._file, self._step = path, XTCFile(str(path), "w"), 0

    def write(self, coordinates: np.ndarray, times_ps: np.ndarray) -> None:
        for frame, time_ps in zip(coordinates, times_ps, strict=True):
            self._file.write(frame.reshape(-1, 3), _NO_BOX, self._step, float(time_ps), _PER_NM)
            self._step += 1

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        self._file.close()
        if failed is None:
            require_frames(self._path, self._step)


def require_frames(path: Path, frames: int) -> None:
    """Raise an OSError unless an XTC file that was just written holds so many frames, the last one whole.

    Writers of XTC files, those of MDAnalysis and of OpenMM, do not say that a full disk cut off the end.
    """
    if not frames:
        return
    try:
        with XTCFile(str(path)) as file:
            found = len(file)
            file.seek(found - 1)
            file.read()
    except OSError as error:
        raise OSError(errno.EIO, "the frames written last are not in the file", str(path)) from error
    if found != frames:
        raise OSError(errno.EIO, f"{found} of the {frames} frames written are in the file", str(path))


def open_backbone(topology: Path, trajectory: Path | None = None) -> mda.Universe:
    """The universe of a backbone trajectory.

    Raises:
        InputError: the file is not N, CA, C, O of each residue in turn.
    """
    files = [str(topology)] if trajectory is None else [str(topology), str(trajectory)]
    universe = mda.Universe(*files)
    if list(universe.atoms.names) != list(BACKBONE_ATOMS) * len(universe.residues):
        raise InputError(f"{topology} is not a backbone topology (N, CA, C, O of each residue); run prepare again")
    return _with_long_segments(universe, topology)


def _with_long_segments(universe: mda.Universe, topology: Path) -> mda.Universe:
    """The universe with the names of segments that `write_topology` had no columns for."""
    with open(topology) as lines:
        remarks = [line.removeprefix(_SEGMENT_REMARK).split() for line in lines if line.startswith(_SEGMENT_REMARK)]
    for chain, name in remarks:
        residues = universe.select_atoms(f"chainID {chain}").residues
        residues.segments = universe.add_Segment(segid=name)
    return universe


def iterate_backbone(
    universe: mda.Universe, indices: np.ndarray | None = None, chunk: int = 1000
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chunks (indices (F,), backbone (F, L, 4, 3) in nm, float32) of an open backbone trajectory, in order."""
    indices = np.arange(universe.trajectory.n_frames) if indices is None else np.asarray(indices)
    for start in range(0, len(indices), chunk):
        part = indices[start : start + chunk]
        backbone = np.empty((len(part), len(universe.residues), _ATOMS, 3), np.float32)
        for row, index in enumerate(part):
            positions = universe.trajectory[int(index)].positions
            backbone[row] = positions.reshape(backbone.shape[1:]) / ANGSTROM_PER_NM
        yield part, backbone


def read_trajectory(universe: mda.Universe, indices: np.ndarray, atoms: mda.AtomGroup) -> np.ndarray:
    """Coordinates (F, A, 3) in nm, float32, of some atoms in the frames `indices`, in memory at once."""
    coordinates = np.empty((len(indices), len(atoms), 3), np.float32)
    for row, index in enumerate(tqdm(indices, desc="read", unit="frame", mininterval=1)):
        coordinates[row] = universe.trajectory[int(index)].positions[atoms.ix]
    return coordinates / np.float32(ANGSTROM_PER_NM)


def read_backbone(universe: mda.Universe, indices: np.ndarray | None = None) -> np.ndarray:
    """Backbone (F, L, 4, 3) in nm of the frames `indices` (all when None), in memory at once."""
    chunks = [backbone for _, backbone in iterate_backbone(universe, indices)]
    return np.concatenate(chunks) if chunks else np.empty((0, len(universe.residues), _ATOMS, 3), np.float32)
