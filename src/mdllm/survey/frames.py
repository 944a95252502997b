"""What raw files hold: residues, chains, frames, their interval, the box, what is left out; in flat memory.

At most MOST_FRAMES frames are read, evenly spread over all files, and fewer of a large protein.

Axes: F sampled frames, L residues.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
from tqdm import tqdm

from mdllm.core.errors import InputError
from mdllm.core.trajectories import ANGSTROM_PER_NM, backbone_universe
from mdllm.molecules.backbone import BackboneAtoms, atoms_by_name
from mdllm.molecules.chains import ranges
from mdllm.molecules.reading import open_raw, require_names
from mdllm.prepare.frames import Tally, frame_interval, raw_chunks
from mdllm.prepare.run import first_whole
from mdllm.sources.archives import by_numbers
from mdllm.sources.files import FilesSource, find_files
from mdllm.sources.raw import inspect_trajectory

logger = logging.getLogger(__name__)
MOST_FRAMES = 10_000
_MOST_RESIDUES_TIMES_FRAMES = 4_000_000  # 200 MB of backbone
_MAIN = {"N", "CA", "C"}
_LEAST_RESIDUES = 4
_USAGE = "mdllm init TOPOLOGY TRAJECTORY ..."


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        trajectories: in order of time.
        files: frames of each trajectory.
        selection: MDAnalysis selection of the residues that are modelled.
        atoms: their backbone in the raw topology.
        backbone: (F, L, 4, 3) in nm.
        table: a row per sampled frame: `frame` over all files, `time_ps`, `segment`.
        stride: a frame in so many was read.
        interval_ps: time between raw frames; NaN: the files do not say.
        box_nm: of the first frame; None: there is none.
        left_out: residue name -> count, of what is not modelled.
        tally: what was left out or mended.
    """

    topology: Path
    trajectories: list[Path]
    files: list[int]
    selection: str
    atoms: BackboneAtoms
    backbone: np.ndarray
    table: pd.DataFrame
    stride: int
    interval_ps: float
    box_nm: np.ndarray | None
    left_out: dict[str, int]
    tally: Tally

    @property
    def frames(self) -> int:
        """Number of raw frames."""
        return sum(self.files)

    def universe(self, residues: np.ndarray) -> mda.Universe:
        """A universe of the backbones that were read, in memory, of residues by their rows (L',)."""
        universe = backbone_universe(self.atoms.residues[residues])
        points = self.backbone[:, residues].reshape(len(self.backbone), -1, 3) * ANGSTROM_PER_NM
        universe.load_new(points, order="fac")
        return universe


def look(topology: Path, trajectories: Sequence[Path]) -> Survey:
    """Open the files, check that they are whole, and read frames evenly spread over them.

    Args:
        trajectories: in any order; none: the frames of the topology, where it has several.

    Raises:
        InputError: no protein, no frames or one alone, files that do not belong together; names the file and says what
            to do.
    """
    topology = Path(topology)
    paths = in_order_of_time(topology, list(map(Path, trajectories)))
    sources = {
        "topology": {"path": str(topology)},
        "trajectories": [{"path": str(path), "frames": frames} for path, frames in paths.items()],
    }
    total = sum(paths.values())
    universe = open_raw(topology, next(iter(paths)))
    selection = proposed_selection(universe, topology)
    if total < 2:
        raise InputError(
            f"{next(iter(paths))} has one frame, and nothing can be learned of motion from one structure; give a "
            "trajectory, or simulate one: `source: {type: simulation}`, docs/guide.md"
        )
    atoms = first_whole(sources, selection, None, skip_damaged=True)
    if len(atoms.residues) < _LEAST_RESIDUES:
        raise InputError(
            f"{topology}: {len(atoms.residues)} residues with a backbone, and {_LEAST_RESIDUES} are the least that "
            "are coded one by one; of so small a molecule a frame is one code: docs/kinetics.md"
        )
    most = max(2, min(MOST_FRAMES, _MOST_RESIDUES_TIMES_FRAMES // len(atoms.residues)))
    stride, tally, parts = -(-total // most), Tally(), []
    with tqdm(total=total, desc="look", unit="frame", mininterval=1, disable=None) as progress:
        parts += raw_chunks(sources, atoms, stride, None, progress, skip_damaged=True, tally=tally)
    if not parts or sum(len(part["frame"]) for part in parts) < 2:
        raise InputError(f"{topology}: fewer than two frames are left ({', '.join(tally.described())})")
    backbone = np.concatenate([part.pop("coordinates") for part in parts])
    table = pd.concat(map(pd.DataFrame, parts), ignore_index=True)
    follows = (table.groupby("segment").size() > 1).any()
    box = universe.dimensions
    others = universe.residues[np.setdiff1d(universe.residues.ix, atoms.residues.ix)]
    return Survey(
        topology,
        list(paths),
        list(paths.values()),
        selection,
        atoms,
        backbone,
        table,
        stride,
        frame_interval(table) / stride if follows else float("nan"),
        None if box is None or not np.all(box[:3] > 0) else box[:3] / ANGSTROM_PER_NM,
        dict(Counter(others.resnames).most_common()),
        tally,
    )


def in_order_of_time(topology: Path, trajectories: list[Path]) -> dict[Path, int]:
    """Trajectory files with their numbers of frames: by the times at which they begin, where all differ, else by name.

    Raises:
        InputError: a file is missing, given twice, no trajectory of this topology, or not whole.
    """
    if not topology.is_file():
        raise InputError(f"{topology} does not exist; {_USAGE}")
    try:
        require_names(open_raw(topology), str(topology))
    except InputError as error:
        raise InputError(f"{error}. The topology comes first: {_USAGE}") from error
    given = trajectories or [topology]
    found = {path: inspect_trajectory(topology, path) for path in _found(topology, given)}
    if not trajectories and found[topology]["frames"] == 1:
        raise InputError(f"{topology} is a topology alone, of one structure; give the frames as well: {_USAGE}")
    starts = [about["start_ps"] for about in found.values()]
    by_time = len(set(starts)) == len(starts)
    ordered = sorted(
        found, key=(lambda path: found[path]["start_ps"]) if by_time else lambda path: by_numbers(str(path))
    )
    if ordered != list(found):
        why = "times at which they begin" if by_time else "numbers in their names"
        logger.warning("the trajectories are put in the order of the %s: %s", why, ", ".join(map(str, ordered)))
    return {path: found[path]["frames"] for path in ordered}


def _found(topology: Path, trajectories: list[Path]) -> list[Path]:
    source = FilesSource(type="files", topology=str(topology), trajectories=list(map(str, trajectories)))
    return find_files(source)[1]


def proposed_selection(universe: mda.Universe, topology: Path) -> str:
    """`protein`, without caps, and with the modified residues that are bonded into its chains.

    Raises:
        InputError: there is no protein.
    """
    protein = universe.select_atoms("protein").residues
    if not len(protein):
        names = Counter(universe.residues.resnames).most_common(8)
        raise InputError(
            f"{topology} holds no protein that MDAnalysis knows by its residue names; it has "
            f"{', '.join(f'{count} {name}' for name, count in names)}. mdllm models the backbones of proteins; where "
            "residues have names of their own, write the system file by hand, with `selection`: docs/guide.md"
        )
    whole = np.array([set(atoms_by_name(residue)) >= _MAIN for residue in protein])
    caps = dict.fromkeys(protein.resnames[~whole])
    if caps and np.isin(protein.resnames[whole], list(caps)).any():
        lacking = protein[~whole]
        raise InputError(
            f"{topology}: residues lack N, CA or C: {ranges(lacking)}. Rebuild them (PDBFixer), or write the system "
            "file by hand, with a `selection` without them: docs/guide.md"
        )
    if not whole.any():
        raise InputError(f"{topology}: no residue has N, CA and C, so that there is no backbone to model")
    selection = f"protein and not resname {' '.join(caps)}" if caps else "protein"
    beside = BackboneAtoms.of(protein[whole], str(topology)).left_out()
    modified = [
        residue.resname for residue in beside if residue.resname not in caps and set(atoms_by_name(residue)) >= _MAIN
    ]
    return f"({selection}) or resname {' '.join(dict.fromkeys(modified))}" if modified else selection
