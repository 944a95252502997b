"""Time and memory of `prepare`, beside those of an earlier commit. Writes records/prepare.json.

``python benchmarks/prepare.py [COMMIT [FRAMES [TURNS]]]``: frames of 3,341 atoms (AdK, the test files of MDAnalysis) as
DCD and as XTC in a box. Both commits take turns, in processes of their own; what counts is processor time, that of
child processes included. Memory is that of the larger process.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from dry_run import checkout
from MDAnalysisTests.datafiles import DCD, PSF
from record import ROOT, write_record

BEFORE = "05e9baa"  # before every frame was checked
FRAMES, TURNS = 10_000, 3
_MEASURED = ("processor_s", "wall_s", "memory_mb")
_RUN = """
import json, resource, sys, time
from pathlib import Path
from mdllm.config.settings.system import Observables
from mdllm.prepare.run import prepare
topology, trajectory, frames, output = sys.argv[1:]
cv = {"d": {"type": "distance", "a": "resid 30 and name CA", "b": "resid 130 and name CA"}}
observables = Observables.model_validate({"collective_variables": cv, "states": {"any": {"d": [0, 100]}}})
sources = {"topology": {"path": topology}, "trajectories": [{"path": trajectory, "frames": int(frames)}]}
Path(output).mkdir()
before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
started = time.time()
prepare(
    sources, residues="protein", atoms=None, frame_interval_ps=None, stride=1, observables=observables,
    output=Path(output),
)
wall = time.time() - started
after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
used = sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after))
print(json.dumps([used, wall, max(b.ru_maxrss for b in after) / 1024]))
"""


def write_frames(folder: Path, frames: int) -> dict[str, Path]:
    """The frames of AdK's transition again and again, as DCD and as XTC in a box."""
    universe = mda.Universe(PSF, DCD)
    paths = {kind: folder / f"t.{kind}" for kind in ("dcd", "xtc")}
    with mda.Writer(str(paths["dcd"]), n_atoms=3341, dt=1.0) as dcd, mda.Writer(str(paths["xtc"]), n_atoms=3341) as xtc:
        for number in range(frames):
            ts = universe.trajectory[number % len(universe.trajectory)]
            ts.time = float(number)
            dcd.write(universe.atoms)
            ts.dimensions = np.array([120, 120, 120, 90, 90, 90], np.float32)
            xtc.write(universe.atoms)
            ts.dimensions = None
    return paths


def main(commit: str = BEFORE, frames: int = FRAMES, turns: int = TURNS) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        paths = write_frames(Path(scratch), frames)
        (Path(scratch) / "before").mkdir()
        roots = {"before": checkout(commit, Path(scratch) / "before"), "now": ROOT}
        measured = {kind: {name: [] for name in roots} for kind in paths}
        for turn in range(turns):
            for kind, path in paths.items():
                for name, root in roots.items():
                    output = Path(scratch) / f"{kind}_{name}_{turn}"
                    command = [sys.executable, "-W", "ignore", "-c", _RUN, PSF, str(path), str(frames), str(output)]
                    environment = os.environ | {"PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
                    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
                    measured[kind][name].append(json.loads(run.stdout.splitlines()[-1]))
    results = {"frames": frames, "atoms": 3341, "compared_with": commit}
    for kind, by_name in measured.items():
        best = {name: np.min(values, axis=0) for name, values in by_name.items()}
        results[kind] = {
            name: dict(zip(_MEASURED, values.round(2).tolist(), strict=True)) for name, values in best.items()
        }
        ratio = (best["now"] / best["before"]).round(3).tolist()
        results[kind]["ratio"] = dict(zip(_MEASURED, ratio, strict=True))
    write_record("prepare", results)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:4]))
