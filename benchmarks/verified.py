"""What does MD in the trajectory's own force field, in water, make of a base's proposals for Trp-cage from state A?

    snakemake --profile profiles/local results/trp_cage_explicit/main/proposals/proposals.csv
    python benchmarks/verified.py simulate results/trp_cage_explicit FOLDER [WORKERS] [SECONDS]    # on a GPU
    python benchmarks/verified.py judge results/trp_cage_explicit FOLDER

The simulations of `config/systems/trp_cage_explicit.yaml`, WORKERS at a time, first one of each proposal and then the
second ones, and beside them simulations of TRUTH frames of MD's state B, which no stage may look at: whether the force
field keeps B at all. After SECONDS what is not done is left. A simulation is in B where most frames of its last quarter
are in the region and as close to MD's frames of B as these are to each other. Prints a table and writes
records/verified.json.
"""

import json
import multiprocessing
import shutil
import sys
import time
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
from record import ROOT, write_record

from mdllm.analysis.discovery.measure import skeleton
from mdllm.config.reading import read_yaml
from mdllm.config.settings.stages import NoveltySettings
from mdllm.config.settings.system import Observables
from mdllm.config.settings.verification import VerificationSettings
from mdllm.core.geometry import pairwise_rmsd
from mdllm.core.records import read_json
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.verification.judge import ending, inverted, read_simulated
from mdllm.verification.run import jobs, run_jobs
from mdllm.verification.verify import VerificationInputs, judge_of

TRUTH, STATE = 6, "B"
ORDER = ["model cluster", "training training", "truth truth", "model state"]
ORDER += ["residue_types cluster", "residue_types state", "frequencies cluster"]
SYSTEM = read_yaml(ROOT / "config" / "systems" / "trp_cage_explicit.yaml")
SETTINGS = VerificationSettings(**SYSTEM["stages"]["verification"])


def gather(results: Path, folder: Path) -> None:
    """Heavy atoms of all proposals and of the frames of B, and their table, into `folder`."""
    proposals = results / "main" / "proposals"
    shutil.copytree(proposals / "structures", folder / "structures", dirs_exist_ok=True)
    table = pd.read_csv(proposals / "proposals.csv")
    frames = pd.read_parquet(results / "frames" / "frames.parquet", columns=["frame", "state"])
    inside = frames.loc[frames["state"] == STATE, "frame"].to_numpy()
    raw = read_json(results / "raw" / "sources.json")
    universe = mda.Universe(raw["topology"]["path"], [file["path"] for file in raw["trajectories"]])
    heavy = universe.select_atoms("protein and not name H* 1H* 2H* 3H*")
    rows = []
    for number, frame in enumerate(inside[np.linspace(0, len(inside) - 1, TRUTH + 2).round().astype(int)[1:-1]], 1):
        universe.trajectory[frame]
        heavy.write(folder / "structures" / f"truth_{number}.pdb")
        rows.append({"proposal": f"truth_{number}", "kind": "truth", "source": "truth", "frame": int(frame)})
    pd.concat([table, pd.DataFrame(rows)]).to_csv(folder / "proposals.csv", index=False)


def all_jobs(folder: Path) -> list:
    return jobs(pd.read_csv(folder / "proposals.csv"), SETTINGS, 0, folder / "simulations")


def one(item: tuple[Path, int]) -> int:
    folder, number = item
    run_jobs([all_jobs(folder)[number]], folder / "structures", SETTINGS, threads=1)
    return number


def simulate(results: str, folder: str, workers: str = "1", seconds: str = "inf") -> None:
    began, folder = time.monotonic(), Path(folder)
    gather(Path(results), folder)
    table = pd.read_csv(folder / "proposals.csv")
    rank = dict(zip(table["proposal"], map(ORDER.index, table["source"] + " " + table["kind"]), strict=True))
    found = all_jobs(folder)
    order = sorted(range(len(found)), key=lambda number: (found[number].replica, rank[found[number].proposal]))
    with multiprocessing.get_context("spawn").Pool(int(workers)) as pool:
        ended = pool.imap_unordered(one, [(folder, number) for number in order])
        for _ in order:
            try:
                ended.next(timeout=None if seconds == "inf" else float(seconds) - (time.monotonic() - began))
            except multiprocessing.TimeoutError:
                break  # what is not done is named by `judge`


def judge(results: str, folder: str) -> None:
    results, folder = Path(results), Path(folder)
    main, frames = results / "main", results / "frames"
    inputs = VerificationInputs(
        *(frames / name for name in ("topology.pdb", "trajectory.xtc", "frames.parquet", "slow.npz")),
        main / "tokens" / "codes.npz",
        main / "analysis" / "description.json",
        main / "novelty" / "novelty.json",
        main / "proposals" / "proposals.csv",
        main / "proposals" / "backbones.xtc",
    )
    observables = Observables(**{key: SYSTEM[key] for key in ("collective_variables", "states")})
    judging = judge_of(inputs, observables, NoveltySettings())
    starts = read_backbone(open_backbone(inputs.topology, inputs.backbones))
    start = dict(zip(pd.read_csv(inputs.proposals)["proposal"], starts, strict=True))
    table = pd.read_csv(folder / "proposals.csv").set_index("proposal")
    rows, left = [], []
    for job in all_jobs(folder):
        if not (job.folder / "result.json").is_file():
            left.append(f"{job.proposal}_{job.replica}")
            continue
        row = {"simulation": f"{job.proposal}_{job.replica}", **table.loc[job.proposal, ["kind", "source"]].to_dict()}
        result = job.result()
        if "failure" in result:
            rows.append({**row, "where": "fell apart", "because": result["failure"]})
            continue
        _, backbone = read_simulated(job.topology, job.trajectory)
        end = ending(judging.frames(backbone, start.get(job.proposal, backbone[0])))
        mirrored = inverted(job.topology, job.trajectory)
        known = judging.true[STATE]
        atoms = (3 * known.close.residues[:, None] + np.arange(3)).ravel()
        first = skeleton(start.get(job.proposal, backbone[0])[None])
        last = skeleton(backbone[-max(1, len(backbone) // 4) :])
        rows.append(
            {
                **row,
                "where": "fell apart" if mirrored else end["where"],
                **({"because": f"CA of {', '.join(mirrored)} turned inside out"} if mirrored else {}),
                "novelty": round(end["novelty"], 2),
                "start_to_B_nm": _nearest(first[:, atoms], known.points[:, atoms]),
                "to_B_nm": _nearest(last[:, atoms], known.points[:, atoms]),
                "to_B_all_residues_nm": _nearest(last, known.points),
                "device": result["device"],
                "atoms": result["atoms"],
            }
        )
    shown = pd.DataFrame(rows)
    print(shown.drop(columns=["device", "kind"]).to_string(index=False))
    counts = shown.groupby(["source", "kind"])["where"].value_counts().rename("simulations").reset_index()
    print(counts.to_string(index=False))
    known = judging.true[STATE].close
    write_record(
        "verified",
        {
            "settings": SETTINGS.model_dump(mode="json"),
            "limit_nm": round(known.limit_nm, 4),
            "limit_all_residues_nm": round(known.limit_all_nm, 4),
            "counts": counts.to_dict("records"),
            "simulations": json.loads(shown.to_json(orient="records")),
            "not_done": left,
        },
    )


def _nearest(points: np.ndarray, true: np.ndarray) -> float:
    return round(float(np.median(pairwise_rmsd(points.astype(float), true.astype(float)).min(1))), 3)


if __name__ == "__main__":
    {"simulate": simulate, "judge": judge}[sys.argv[1]](*sys.argv[2:])
