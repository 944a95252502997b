"""Raw files made for tests: topologies with or without chains, trajectories with any box, times and damage."""

from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from MDAnalysis.lib.mdamath import triclinic_vectors
from MDAnalysisTests.datafiles import PDB_janin

from mdllm.config.settings.system import Observables
from mdllm.prepare.run import prepare
from mdllm.sources.acquire import acquire
from mdllm.sources.files import FilesSource

ANYTHING = {"states": {"any": {"d": [0, 1000]}}}


def dimer() -> mda.Universe:
    """Two chains of 1A28 (progesterone receptor, 2 x 250 residues), protein only, in contact."""
    universe = mda.Merge(mda.Universe(PDB_janin).select_atoms("protein and not altLoc B"))
    universe.dimensions = None
    return universe


def write_xtc(path: Path, frames: np.ndarray, box: list[float] | None = None, times=None) -> Path:
    """Frames (F, A, 3) in angstrom as XTC, in a box [a, b, c, alpha, beta, gamma] or none."""
    vectors = np.zeros((3, 3), np.float32) if box is None else triclinic_vectors(box) / 10
    times = np.arange(len(frames)) if times is None else times
    with XTCFile(str(path), "w") as file:
        for step, (frame, time) in enumerate(zip(frames, times, strict=True)):
            file.write((frame / 10).astype(np.float32), vectors, step, float(time), 1000.0)
    return path


def wrapped(points: np.ndarray, box: list[float]) -> np.ndarray:
    """Every atom (..., 3) by itself in the box."""
    vectors = triclinic_vectors(box).astype(np.float64)
    return (points @ np.linalg.inv(vectors)) % 1 @ vectors


def distances(**pairs) -> Observables:
    """Variables named by keyword, each the distance of two selections; one state that holds everything."""
    variables = {name: {"type": "distance", "a": a, "b": b} for name, (a, b) in pairs.items()}
    first = next(iter(pairs))
    states = {"any": {first: [0, 1000]}}
    return Observables.model_validate({"collective_variables": variables, "states": states})


def prepared(
    output: Path, topology, *trajectories, observables: Observables, selection="protein", atoms=None, **options
) -> tuple[dict, pd.DataFrame]:
    """Counts and table of the stage prepare."""
    source = {"type": "files", "topology": str(topology), "trajectories": [str(path) for path in trajectories]}
    source |= {key: options.pop(key) for key in ("format", "topology_format") if key in options}
    output.mkdir(exist_ok=True)
    counts = prepare(
        acquire(FilesSource.model_validate(source), output),
        residues=None if atoms else selection,
        atoms=atoms,
        observables=observables,
        output=output,
        **{"frame_interval_ps": None, "stride": 1, **options},
    )
    return counts, pd.read_parquet(output / "frames.parquet")


def truncated(source: str | Path, target: Path, share: float = 0.55) -> Path:
    """The beginning of a file, as a copy that was cut off leaves it."""
    content = Path(source).read_bytes()
    target.write_bytes(content[: int(share * len(content))])
    return target
