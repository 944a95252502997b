"""New states without a definition: how often one is claimed where there is none, and what MD says where there is one.

Prints and writes records/new_states.json. Two studies on Trp-cage (fastmdanalysis 1.1.2), each one run of the workflow:

- *False alarms*: a stretch of MD within one state, A (frames 3983-4998) or B (910-1749); the model learns from one half
  of it. Whatever is found is the state that it learned from, so a cluster that MD keeps is a false alarm. Ten repeats.
- *Hidden state*: the model learns from A alone or from B alone; the system file defines no state. Frames that MD ends
  in are compared with the truth, CA11-CA15, psi and phi of residue 11, beside nulls and training frames as a control.

Run it as ``OMP_NUM_THREADS=1 python benchmarks/new_states.py [REPEATS]``; MDLLM_CACHE names the cache. Half an hour on
one core with the ten repeats that are the default.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
import yaml
from record import ROOT, write_record

from mdllm.core.records import read_json
from mdllm.sources.package import PackageSource, fetch_package
from mdllm.verification.judge import last_quarter

CACHE = Path(os.environ.get("MDLLM_CACHE", ROOT / ".cache" / "mdllm"))
STRETCHES = {"a": (3983, 4998), "b": (910, 1749)}
TRAINING = {"from_a": [[442, 898], [3983, 4998]], "from_b": [[910, 1749]]}
SMALL = {"training": {"max_steps": 200}, "rollout": {"frames": 100, "replicas": 8, "batch": 8}}
FALSE_ALARMS = {**SMALL, "verification": {"proposals": 2, "replicas": 1, "length_ps": 5.0, "nvt_ps": 0.5}}
HIDDEN = {"verification": {"proposals": 4, "replicas": 1, "length_ps": 10.0, "nvt_ps": 1.0}}
# Means of MD (distance in nm, psi in radian) and the sign of phi of residue 11.
TRUTH = {"A": (0.806, -2.27, 1), "B": (0.601, -0.92, -1)}
NEAR_NM, NEAR_RAD = 0.1, 0.6


def run(folder: Path, systems: dict[str, dict], overrides: dict) -> float:
    """Run the workflow in `folder`; seconds."""
    (folder / "config" / "systems").mkdir(parents=True, exist_ok=True)
    for name, content in systems.items():
        (folder / "config" / "systems" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    config = {"systems": list(systems), "overrides": overrides}
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1"]
    environment = {**os.environ, "MDLLM_CACHE": str(CACHE), "OMP_NUM_THREADS": "1"}
    started = time.monotonic()
    with open(folder / "run.log", "w") as log:
        subprocess.run(
            [*command, "--profile", str(ROOT / "profiles" / "local"), "--quiet", "all"],
            cwd=folder, env=environment, check=True, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    return time.monotonic() - started


def stretch(folder: Path, files: tuple[Path, Path], name: str) -> Path:
    """The MD frames of one stretch as a file of their own."""
    path = folder / f"{name}.xtc"
    first, last = STRETCHES[name]
    universe = mda.Universe(*map(str, files))
    with mda.Writer(str(path), len(universe.atoms)) as writer:
        for _ in universe.trajectory[first : last + 1]:
            writer.write(universe.atoms)
    return path


def false_alarms(folder: Path, files: tuple[Path, Path], count: int) -> dict:
    systems = {}
    for name, (first, last) in STRETCHES.items():
        middle = (last - first + 1) // 2
        halves = {"first": [[0, middle - 1]], "second": [[middle, last - first]]}
        repeats = [(("first", "second")[seed % 2], seed) for seed in range(count // len(STRETCHES))]
        systems[f"stretch_{name}"] = {
            "source": {
                "type": "files",
                "topology": str(files[0]),
                "trajectories": [str(stretch(folder, files, name))],
            },
            "main": False,
            "variants": {
                f"{half}_{seed}": {"seed": seed, "training_set": {"frames": halves[half]}} for half, seed in repeats
            },
        }
    seconds = run(folder, systems, FALSE_ALARMS)
    claimed = verified = 0
    repeats = []
    for path in sorted((folder / "results").glob("stretch_*/*/summary.json")):
        summary = read_json(path)
        own = [p for p in summary["verification"]["proposals"] if p["source"] == "model"]
        kept = [p["outcome"] for p in own if p["outcome"] not in ("returned", "elsewhere", "fell apart", "undecided")]
        verified, claimed = verified + len(own), claimed + len(kept)
        repeats.append(
            {
                "repeat": f"{path.parents[1].name}/{path.parent.name}",
                "share_new": {k: round(v["value"], 4) for k, v in summary["novelty"]["share_new"].items()},
                "clusters": summary["novelty"]["clusters"],
                "clusters_more_often": summary["novelty"]["clusters_more_often"],
                "verified": len(own),
                "kept": len(kept),
                "sentences": summary["verification"]["sentences"],
            }
        )
    return {
        "seconds": round(seconds),
        "repeats": repeats,
        "proposals_verified": verified,
        "false_alarms": claimed,
        "share": claimed / verified if verified else None,
    }


def true_state(topology: Path, trajectory: Path) -> str:
    """Where the last quarter of a simulation is, by the collective variables that tell A from B."""
    universe = mda.Universe(str(topology), str(trajectory))
    ca11, ca15 = (universe.select_atoms(f"resid {number} and name CA") for number in (11, 15))
    residue = universe.select_atoms("resid 11").residues[0]
    frames = []
    for _ in universe.trajectory[last_quarter(len(universe.trajectory))]:
        distance = float(np.linalg.norm(ca11.positions - ca15.positions)) / 10
        phi, psi = (np.deg2rad(s.dihedral.value()) for s in (residue.phi_selection(), residue.psi_selection()))
        frames.append((distance, psi, phi))
    distance, psi, phi = np.median(frames, axis=0)
    for name, (nm, rad, sign) in TRUTH.items():
        apart = abs((psi - rad + np.pi) % (2 * np.pi) - np.pi)
        if abs(distance - nm) < NEAR_NM and apart < NEAR_RAD and phi * sign > 0:
            return name
    return "neither"


def hidden_state(folder: Path) -> dict:
    source = yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())["source"]
    variants = {name: {"training_set": {"frames": frames}} for name, frames in TRAINING.items()}
    seconds = run(folder, {"blind": {"source": source, "main": False, "variants": variants}}, HIDDEN)
    found = {"seconds": round(seconds)}
    for name in TRAINING:
        results = folder / "results" / "blind" / name
        simulations = pd.read_csv(results / "verification" / "simulations.csv")
        proposals = pd.read_csv(results / "verification" / "proposals.csv")[["proposal", "kind", "source"]]
        simulations = simulations.merge(proposals, on="proposal")
        files = results / "verification" / "trajectories"
        simulations["truth"] = [
            true_state(*(files / f"{row.proposal}_{row.replica}.{ending}" for ending in ("pdb", "xtc")))
            if (files / f"{row.proposal}_{row.replica}.xtc").is_file()
            else "fell apart"
            for row in simulations.itertuples()
        ]
        counts = simulations.groupby(["source", "kind"])["truth"].value_counts()
        summary = read_json(results / "summary.json")
        found[name] = {
            "novelty": summary["novelty"]["verdict"],
            "sentences": summary["verification"]["sentences"],
            "simulated_ns": summary["verification"]["simulated_ns"],
            "ends_in_truth": {
                f"{source}, {kind}": own.droplevel([0, 1]).to_dict()
                for (source, kind), own in counts.groupby(level=[0, 1])
            },
        }
    return found


def main(count: int = 10) -> None:
    source = yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())["source"]
    topology, (trajectory,) = fetch_package(PackageSource.model_validate(source), CACHE)
    with tempfile.TemporaryDirectory() as folder:
        parts = {}
        for name, study in {"false_alarms": lambda place: false_alarms(place, (topology, trajectory), count),
                            "hidden_state": hidden_state}.items():  # fmt: skip
            place = Path(folder) / name
            place.mkdir()
            parts[name] = study(place)
            write_record("new_states", parts)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
