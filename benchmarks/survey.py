"""Time and memory of `mdllm init`, of as many frames as it reads and of a million. Writes records/survey.json.

``python benchmarks/survey.py``: the demo trajectory again and again, ten residues of Trp-cage, as DCD. Each length in a
process of its own; processor time, that of child processes included, and memory of the larger process.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.formats.libdcd import DCDFile
from record import ROOT, write_record

from mdllm.config.reading import read_yaml
from mdllm.sources.cache import cache_folder
from mdllm.sources.package import PackageSource, fetch_package

LENGTHS = (10_000, 1_000_000)


def write_frames(folder: Path, frames: int) -> tuple[Path, Path]:
    """Topology and trajectory of so many frames."""
    source = PackageSource.model_validate(read_yaml(ROOT / "config" / "systems" / "trp_cage.yaml")["source"])
    topology, (trajectory,) = fetch_package(source, cache_folder())
    universe = mda.Universe(str(topology), str(trajectory))
    atoms = universe.select_atoms("backbone and resid 1:10")
    atoms.write(str(folder / "small.pdb"))
    points = np.stack([atoms.positions for _ in universe.trajectory])
    path = folder / f"{frames}.dcd"
    with DCDFile(str(path), "w") as file:
        file.write_header(remarks="", natoms=len(atoms), istart=0, nsavc=1, delta=20.0, is_periodic=0)
        for number in range(frames):
            file.write(points[number % len(points)], np.zeros(6))
    return folder / "small.pdb", path


def measure(name: str) -> None:
    """`propose` in this process; prints processor time and memory."""
    from mdllm.survey.propose import propose

    proposal = propose("small", Path("small.pdb"), [Path(name)], None, Path(name).with_suffix(""))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        json.dumps(
            {
                "frames": proposal.survey.frames,
                "read": len(proposal.survey.table),
                "processor_s": round(sum(usage.ru_utime + usage.ru_stime for usage in used), 1),
                "memory_mb": round(max(usage.ru_maxrss for usage in used) / 1024),
            }
        )
    )


def main() -> None:
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for frames in LENGTHS:
            _, path = write_frames(Path(scratch), frames)
            command = [sys.executable, "-W", "ignore", __file__, path.name]
            made = subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True)
            results.append(json.loads(made.stdout.splitlines()[-1]))
    short, long = results
    write_record("survey", {"runs": results, "memory_ratio": round(long["memory_mb"] / short["memory_mb"], 2)})


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
