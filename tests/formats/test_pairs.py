"""Topologies and trajectories in MDAnalysisTests with as many atoms: right, or refused with what to do.

Each file of less than a megabyte stands in a pair at least, of one run input by several versions of GROMACS the first;
with MDLLM_ALL_PAIRS=1 every pair of all files is tried.

What is right is read by MDAnalysis alone: the distance of two atoms near each other, in the nearest image, and all
times.
"""

import contextlib
import hashlib
import os
import re
import warnings
from collections import defaultdict
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import MDAnalysis as mda
import MDAnalysisTests.datafiles as datafiles
import numpy as np
import pytest
from MDAnalysis.core.topology import Topology
from MDAnalysis.lib.distances import calc_bonds
from MDAnalysis.topology.core import get_parser_for

from mdllm.core.errors import InputError
from raw_files import distances, prepared

_FEWEST_ATOMS, _MOST_BYTES = 10, 1_000_000
_ADVICE = (
    r"install|say `|say frame_interval|copy it again|write (it|the|every)|choose|name the chain|leave caps|rebuild|"
    r"holds no|skip_damaged|are those|its atoms are not|not in the same order|another molecule|selection|no file"
)


@cache
def parsed(path: Path) -> Topology | None:
    try:
        with get_parser_for(str(path))(str(path)) as parser:
            return parser.parse()
    except BaseException:
        return None


def opened(topology: Path, trajectory: Path) -> mda.Universe:
    """With the coordinates of the topology, if it has any, where those of the trajectory cannot be read."""
    universe = mda.Universe(parsed(topology).copy(), to_guess=())
    for path in (trajectory, topology):
        with contextlib.suppress(BaseException):
            return universe.load_new(str(path))
    return universe


def pairs() -> list[tuple[Path, Path]]:
    """By the number of atoms; of files of one content the first."""
    topologies, trajectories, seen = defaultdict(list), defaultdict(list), set()
    every = "MDLLM_ALL_PAIRS" in os.environ
    for name in sorted(dir(datafiles)):
        path = getattr(datafiles, name)
        if not isinstance(path, str) or name.startswith("_") or not Path(path).is_file():
            continue
        if not every and Path(path).stat().st_size > _MOST_BYTES:
            continue
        content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        if not every and path.endswith(".tpr"):
            content = re.sub(r"_(gmx_)?\d.*", "", path)  # without the version
        topology = None if content in seen else parsed(Path(path))
        seen.add(content)
        atoms = 0 if topology is None else topology.n_atoms
        if atoms >= _FEWEST_ATOMS:
            topologies[atoms].append(Path(path))
        if path.endswith(".tpr"):
            continue
        try:
            with mda.coordinates.core.get_reader_for(path)(path) as reader:
                if reader.n_atoms >= _FEWEST_ATOMS:
                    trajectories[reader.n_atoms].append(Path(path))
        except BaseException:
            continue
    if every:
        return [(t, c) for atoms, files in topologies.items() for t in files for c in trajectories[atoms]]
    groups = [(files, trajectories[n]) for n, files in topologies.items() if trajectories[n]]
    return [pair for group in groups for pair in islice(zip(*map(cycle, group), strict=False), max(map(len, group)))]


def chosen(universe: mda.Universe) -> tuple[list[int], list[str], dict]:
    """Two atoms, CA three residues apart or the first two; their selections in what is kept; and what to keep."""
    attributes = [hasattr(universe.atoms, name) for name in ("names", "resnames", "resids", "segids")]
    if all(attributes):
        whole = [r for r in universe.select_atoms("protein").residues if {"N", "CA", "C"} <= set(r.atoms.names)]
        if len(whole) > 3:
            atoms = [whole[i].atoms.select_atoms("name CA")[0] for i in (0, 3)]
            named = [f"resid {atom.resid} and name CA" for atom in atoms]
            return [atom.ix for atom in atoms], named, {"selection": "protein"}
    return [0, 1], ["index 0", "index 1"], {"atoms": "index 0 1"}


@pytest.mark.slow
def test_pairs_agree_or_are_refused_with_what_to_do(tmp_path, caplog):
    accepted, refused, wrong = [], [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (topology, trajectory) in enumerate(pairs()):
            caplog.clear()
            result = judged(tmp_path / str(number), topology, trajectory)
            group = {"agrees": accepted, "refused": refused}.get(result[0], wrong)
            group.append((topology.name, trajectory.name, *result))
    print(f"{len(accepted)} agree, {len(refused)} are refused")
    for line in (*wrong, *refused):
        print(line)
    assert not wrong
    assert len(accepted) >= 60


def judged(folder: Path, topology: Path, trajectory: Path) -> tuple[str, str]:
    universe = opened(topology, trajectory)
    rows, (one, other), keep = chosen(universe)
    try:
        _, frames = prepared(folder, topology, trajectory, observables=distances(d=(one, other)), **keep)
    except InputError as error:
        text = str(error)
        named = any(name in text for name in (trajectory.name, topology.name, "collective_variables.d"))
        return ("refused", text) if named and re.search(_ADVICE, text) else ("message", text)
    except Exception as error:
        return "traceback", repr(error)
    read = [
        (calc_bonds(*(ts.positions[row] for row in rows), box=ts.dimensions) / 10, ts.time)
        for ts in universe.trajectory
        if ts.has_positions
    ]
    expected, times = np.array(read).T
    found = frames["d_nm"].to_numpy()
    if found.shape != expected.shape or not np.allclose(found, expected, atol=2e-3):
        return "distance", f"{found[:3]} {expected[:3]}"
    if frames["time_ps"].notna().all() and not np.allclose(frames["time_ps"], times, rtol=1e-6):
        return "times", f"{frames['time_ps'].tolist()[:3]} {times[:3]}"
    return "agrees", ""
