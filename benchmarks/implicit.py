"""T4 lysozyme in both of its states and Mad2, closed, in implicit solvent: what config/paper_cpu.yaml trains on.

    python benchmarks/implicit.py simulate FOLDER     # three simulations side by side on one GPU; or by the workflow
    snakemake --profile profiles/local --configfile config/paper_cpu.yaml    # with these as `files`, or its own
    python benchmarks/implicit.py judge FOLDER results

`simulate` runs the sources of config/systems/{t4l_l99a,t4l_l99a_g113a_r119p,mad2}_implicit.yaml, from structures in the
cache (MDLLM_CACHE) or the Protein Data Bank; killed, it goes on. `judge` prints how long that took and the collective
variables of each system along its frames, and writes records/implicit.json, with the checksums of the trajectories,
which the same command makes anew on the same card.
"""

import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from record import ROOT, write_record

from mdllm.config.reading import read_yaml
from mdllm.config.settings.simulation import SimulationSource
from mdllm.core.records import read_json, sha256, write_json
from mdllm.simulation.simulate import simulate as simulate_one
from mdllm.sources.cache import cache_folder
from mdllm.sources.structures import fetch_structure

SYSTEMS = ("t4l_l99a_implicit", "t4l_l99a_g113a_r119p_implicit", "mad2_implicit")


def one(item: tuple[Path, str]) -> None:
    folder, name = item
    began, place = time.monotonic(), folder / name
    source = SimulationSource.model_validate(read_yaml(ROOT / "config" / "systems" / f"{name}.yaml")["source"])
    files = {"topology": place / "topology.pdb", "trajectory": place / "trajectory.xtc", "log": place / "log.csv"}
    structure = fetch_structure(source.structure.pdb, cache_folder())
    notes = simulate_one(source, structure, work_folder=place / "work", **files)
    write_json(place / "notes.json", {**notes, "wall_s": round(time.monotonic() - began, 1)})


def simulate(folder: str) -> None:
    with multiprocessing.get_context("spawn").Pool(len(SYSTEMS)) as pool:
        pool.map(one, [(Path(folder), name) for name in SYSTEMS])


def judge(folder: str, results: str) -> None:
    rows = {}
    for name in SYSTEMS:
        place, trained = Path(folder) / name, read_yaml(ROOT / "config" / "systems" / f"{name}.yaml")["training_set"]
        frames, notes = (
            pd.read_parquet(Path(results) / name / "frames" / "frames.parquet"),
            read_json(place / "notes.json"),
        )
        rows[name] = {
            **{key: notes[key] for key in ("device", "atoms", "speed_ns_per_day", "wall_s", "mean_temperature_k")},
            "frames": len(frames),
            "share_in_training_state": round(float(np.mean(frames["state"] == trained["state"])), 4),
            "variables": dict(described(frames.filter(regex="_nm$|_rad$"))),
            "sha256": {file: sha256(place / file) for file in ("topology.pdb", "trajectory.xtc")},
        }
    write_record("implicit", rows)


def described(values: pd.DataFrame) -> Iterator[tuple[str, dict]]:
    """Mean and standard deviation of each variable, circular where it is an angle."""
    for key, own in values.items():
        mean, spread = own.mean(), own.std()
        if key.endswith("_rad"):
            turn = np.exp(1j * own).mean()
            mean, spread = np.angle(turn), np.sqrt(-2 * np.log(abs(turn)))
        yield key, {"mean": round(float(mean), 3), "spread": round(float(spread), 3)}


if __name__ == "__main__":
    {"simulate": simulate, "judge": judge}[sys.argv[1]](*sys.argv[2:])
