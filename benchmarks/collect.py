"""Memory and speed of the rule collect on data larger than memory should hold. Writes records/collect.json.

``python benchmarks/collect.py [MB]``, 5000 by default. AdK (MDAnalysisTests, 3,341 atoms, 214 residues) in the layout
of mdCATH, its frames repeated: as many domains as make up the size, of which all but the first are links to its file,
so that the size is read but not stored. Beside it one long trajectory of the user's own, a DCD file of a fifth of the
size. Memory is that of the whole process, at the size and at a tenth of it.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path

import h5py
import MDAnalysis as mda
import numpy as np
from MDAnalysisTests.datafiles import DCD, PSF
from record import ROOT, write_record

sys.path.insert(0, str(ROOT / "tests"))
from mdcath import write_mdcath
from project import Project

MB, LIMIT_MB = 1e6, 500
RUNS, FRAMES = 5, 490


def write_domains(folder: Path, structure: Path, frames: np.ndarray, size_mb: float) -> list[str]:
    """Files in the layout of mdCATH with frames (F, A, 3) repeated; returns the domains."""
    run = np.concatenate([frames] * (FRAMES // len(frames)))
    count = max(1, round(size_mb * MB / (RUNS * run.nbytes)))
    domains = [f"{number:04d}A00" for number in range(1000, 1000 + count)]
    first = write_mdcath(
        folder / f"mdcath_dataset_{domains[0]}.h5",
        domains[0],
        structure,
        {(320, number): run for number in range(RUNS)},
        box_nm=20.0,
    )
    for domain in domains[1:]:
        with h5py.File(folder / f"mdcath_dataset_{domain}.h5", "w") as file:
            file[domain] = h5py.ExternalLink(first.name, domains[0])
    return domains


def write_trajectory(path: Path, universe: mda.Universe, size_mb: float) -> None:
    """A DCD file with the frames of a universe repeated."""
    size = 12 * len(universe.atoms) * len(universe.trajectory)
    with mda.Writer(str(path), len(universe.atoms)) as writer:
        for _ in range(max(1, round(size_mb * MB / size))):
            for _ in universe.trajectory:
                writer.write(universe.atoms)


def measure(folder: Path, source: dict, frame_bytes: int) -> dict:
    """What the record of one run of the rule says; a frame of the input has so many bytes."""
    project = Project(folder, folder / "cache", {})
    (folder / "config" / "collections").mkdir()
    content = {"description": "benchmark", "sources": [source], "leave_out": {"systems": False}, "validation_share": 0}
    project.write("config/collections/big.yaml", content)
    project.run("collect_big")
    record = json.loads((folder / "results/collections/big/provenance.json").read_text())
    shards = (folder / "results/collections/big/shards").glob("*.safetensors")
    size_mb = record["frames"] * frame_bytes / MB
    return {
        "read_mb": round(size_mb),
        "frames": record["frames"],
        "written_mb": round(sum(path.stat().st_size for path in shards) / MB),
        "wall_time_s": record["wall_time_s"],
        "read_mb_per_s": round(size_mb / record["wall_time_s"], 1),
        "peak_memory_mb": record["peak_memory_mb"],
    }


def main(size_mb: float = 5000) -> None:
    warnings.simplefilter("ignore")
    universe = mda.Universe(PSF, DCD)
    frames = np.array([frame.positions.copy() for frame in universe.trajectory], np.float32)
    results = {}
    for part in (size_mb / 10, size_mb):
        for name in ("mdcath", "trajectory"):
            with tempfile.TemporaryDirectory() as scratch:
                data = Path(scratch, "data")
                data.mkdir()
                structure = data / "adk.pdb"
                universe.atoms.write(str(structure), bonds=None)
                if name == "mdcath":
                    domains = write_domains(data, structure, frames, part)
                    source = {"type": "mdcath", "domains": domains, "folder": str(data)}
                else:
                    write_trajectory(data / "adk.dcd", universe, part / 5)
                    source = {"type": "files", "folder": str(data), "members": "*.pdb", "trajectories": "*.dcd"}
                    source |= {"protein": r"^(?P<protein>\w+)\."}
                results.setdefault(name, []).append(measure(Path(scratch, "project"), source, frames[0].nbytes))
    worst = max(entry["peak_memory_mb"] for entries in results.values() for entry in entries)
    write_record("collect", {**results, "limit_mb": LIMIT_MB, "within_limit": worst <= LIMIT_MB})


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
