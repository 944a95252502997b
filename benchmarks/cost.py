"""How much MD until it is in the state of Trp-cage that nobody named: after proposals, after restarts, and by itself.

    snakemake --profile profiles/local --config only=trp_cage_from_a,trp_cage_from_b    # on a GPU
    python benchmarks/cost.py gather RESULTS FOLDER
    python benchmarks/cost.py plain FOLDER
    python benchmarks/side_by_side.py simulate FOLDER WORKERS SECONDS FOLDER/SYSTEM/restart_0 ...    # of both, 0 to 2
    python benchmarks/cost.py judge RESULTS FOLDER

All in one force field and solvent, that of verification in config/systems/trp_cage_from_a.yaml and _from_b.yaml. Of the
base and of each null, the largest new clusters first and then random frames, as they were proposed, one short
simulation each; three repeats are the variants, three seeds. They are compared with three repeats each of *plain*, MD
that goes on from the last training frame for PLAIN_PS, of which counts what is there, and of *restarts*, short
simulations from the RESTARTS training frames of the least-visited of CLUSTERS clusters in the plane of the slow
coordinates (k-means), each as long as that of a proposal.

`judge` looks up the truth: MD is in the other state at the first window of WINDOW_PS in which most frames lie in its
region and are as close to MD's frames of it as these are to each other (as in proposals.py). The cost is the simulated
time until then, equilibration included; where that never comes, it is censored at what was simulated. Prints a table,
writes records/cost.json, and draws docs/images/cost.png.
"""

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import MDAnalysis as mda
import numpy as np
import pandas as pd
from proposals import cases, closeness, differing_residues, distances
from record import ROOT, write_record
from sklearn.cluster import KMeans

from mdllm.config.reading import read_yaml
from mdllm.config.settings.verification import VerificationSettings
from mdllm.core.records import read_json, read_npz
from mdllm.figures import style
from mdllm.simulation.simulate import simulate
from mdllm.verification.judge import inverted, read_simulated

SYSTEMS = ("trp_cage_from_a", "trp_cage_from_b")
VARIANTS = ("main", "seed_1", "seed_2")
REPEATS = 3
PLAIN_PS, RESTARTS, CLUSTERS = 4000.0, 20, 40
WINDOW_PS = 2.5


def settings_of(system: str) -> VerificationSettings:
    return VerificationSettings(**read_yaml(ROOT / "config" / "systems" / f"{system}.yaml")["stages"]["verification"])


def gather(results: str, folder: str) -> None:
    """Heavy atoms of the training frames that simulations start from: FOLDER/SYSTEM/{plain,restart_0,...}/proposals."""
    for system in SYSTEMS:
        raw = read_json(Path(results) / system / "raw" / "sources.json")
        universe = mda.Universe(raw["topology"]["path"], [file["path"] for file in raw["trajectories"]])
        heavy = universe.select_atoms("protein and not name H* 1H* 2H* 3H*")
        frames = pd.read_parquet(Path(results) / system / "frames" / "frames.parquet")
        coded = read_npz(Path(results) / system / "main" / "tokens" / "codes.npz")["frame"]
        training = frames[frames["frame"].isin(coded)]
        starts = {f"restart_{repeat}": least_visited(training, repeat) for repeat in range(REPEATS)}
        for name, rows in {"plain": [training.index[-1]] * REPEATS, **starts}.items():
            made = Path(folder) / system / name / "proposals"
            (made / "structures").mkdir(parents=True, exist_ok=True)
            listed = []
            for number, row in enumerate(rows, start=1):
                universe.trajectory[training.loc[row, "frame"]]
                heavy.write(made / "structures" / f"{name}_{number}.pdb")
                listed.append({"proposal": f"{name}_{number}", "kind": "start", "source": "training", "group": number})
            pd.DataFrame(listed).to_csv(made / "proposals.csv", index=False)


def least_visited(training: pd.DataFrame, repeat: int) -> list[int]:
    """Rows of training frames, one of each cluster, that of the fewest frames first, until there are RESTARTS."""
    rng = np.random.default_rng(repeat)
    label = KMeans(CLUSTERS, n_init=1, random_state=repeat).fit_predict(training[["slow_1", "slow_2"]])
    rows = training.index.to_numpy()
    members = [rng.permutation(rows[label == cluster]) for cluster in np.argsort(np.bincount(label), kind="stable")]
    rounds = (own[turn] for turn in range(len(rows)) for own in members if turn < len(own))
    return [int(next(rounds)) for _ in range(RESTARTS)]


def plain(folder: str) -> None:
    """Plain MD of both systems, three times each; killed, it goes on where it was."""
    for system in SYSTEMS:
        for number in range(1, REPEATS + 1):
            place = Path(folder) / system / "plain"
            structure, made = place / "proposals" / "structures" / f"plain_{number}.pdb", place / f"plain_{number}_0"
            source = settings_of(system).simulation(structure, 1000 * (number - 1))
            source = source.model_copy(update={"production_ps": PLAIN_PS, "checkpoint_interval_ps": 50.0})
            files = {"topology": made / "topology.pdb", "trajectory": made / "trajectory.xtc", "log": made / "log.csv"}
            simulate(source, structure, work_folder=made / "work", **files)


def judge(results: str, folder: str) -> None:
    results, folder = Path(results), Path(folder)
    rows = []
    for system, case in zip(SYSTEMS, cases(), strict=False):
        parts = differing_residues(case.starts, case.true), slice(None)
        limits = [closeness(case, part) for part in parts]
        settings = settings_of(system)

        def first(
            topology: Path, trajectory: Path, case=case, parts=parts, limits=limits
        ) -> tuple[float | None, float]:
            """Time in ps of the end of the first window in the other state, and time simulated."""
            times, backbone = read_simulated(topology, trajectory)
            inside = case.inside(backbone[:, :, :3])
            for part, limit in zip(parts, limits, strict=True):
                if inside.any():
                    inside[inside] = distances(backbone[inside][:, :, :3], case.true, part).min(1) < limit
            width = round(WINDOW_PS / (times[1] - times[0]))
            most = np.convolve(inside, np.ones(width), "valid") > width / 2
            return (float(times[width - 1 :][most.argmax()]) if most.any() else None), float(times[-1])

        for repeat, variant in enumerate(VARIANTS):
            made = results / system / variant
            table = pd.read_csv(made / "verification" / "proposals.csv")
            for source, own in table[table["kind"].isin(["cluster", "random"])].groupby("source", sort=False):
                files = [made / "verification" / "trajectories" / f"{name}_0" for name in own["proposal"]]
                rows.append({"system": system, "way": source, "repeat": repeat, **total(files, first, settings)})
        for repeat in range(REPEATS):
            for way, name, own in (
                ("least-visited", f"restart_{repeat}", [f"restart_{repeat}_{n}" for n in range(1, RESTARTS + 1)]),
                ("plain MD", "plain", [f"plain_{repeat + 1}"]),
            ):
                files = [folder / system / name / f"{start}_0" / "trajectory" for start in own]
                found = total(files, first, settings, topology="topology.pdb")
                rows.append({"system": system, "way": way, "repeat": repeat, **found})
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    write_record("cost", {"window_ps": WINDOW_PS, "rows": json.loads(table.to_json(orient="records"))})
    draw(table)


def draw(table: pd.DataFrame) -> None:
    """A point for each repeat, filled where the other state was reached and an open arrow where it was not."""
    ways = ["model", "residue_types", "frequencies", "least-visited", "plain MD"]
    words = ["the base", "null: residue types", "null: code frequencies", "least-visited restarts", "plain MD"]
    conditions = (
        f"{', '.join(settings_of(SYSTEMS[0]).solvent.force_field)}; filled: reached; open: not within that time"
    )
    with style.figure(conditions, style.DOUBLE_COLUMN, 1.9, 1, 2, sharey=True) as (fig, axes):
        for ax, system, title in zip(axes[0], SYSTEMS, ("from A to B", "from B to A"), strict=True):
            for place, way in enumerate(ways):
                own = table[(table["system"] == system) & (table["way"] == way)]
                for censored, options in ((False, {"marker": "o"}), (True, {"marker": ">", "mfc": "white"})):
                    shown = own[own["censored"] == censored]
                    y = place + 0.18 * (shown["repeat"] - 1)
                    ax.plot(shown["ns"], y, ls="", color="#E8590C" if way == "model" else "#555555", ms=4, **options)
            ax.set(xscale="log", xlabel=f"MD until the other state is reached, {title} (ns)")
            ax.set_yticks(range(len(ways)), words)
            ax.set_ylim(len(ways) - 0.5, -0.5)
        style.letters(axes)
        with TemporaryDirectory() as made:
            style.save(fig, Path(made) / "cost", table)
            shutil.copyfile(Path(made) / "cost.png", ROOT / "docs" / "images" / "cost.png")


def total(files: list[Path], first, settings: VerificationSettings, topology: str | None = None) -> dict:
    """Simulated ns until the other state is reached, over simulations one after another; censored where it never is."""
    spent, count = 0.0, 0
    for file in (file.with_suffix(".xtc") for file in files):
        if file.is_file():
            count += 1
            atoms = file.with_name(topology) if topology else file.with_suffix(".pdb")
            at, length = first(atoms, file)
            if at is not None and not inverted(atoms, file):
                return {"ns": round((spent + settings.nvt_ps + at) / 1000, 4), "censored": False, "simulations": count}
            spent += settings.nvt_ps + length
    return {"ns": round(spent / 1000, 4), "censored": True, "simulations": count}


if __name__ == "__main__":
    {"gather": gather, "plain": plain, "judge": judge}[sys.argv[1]](*sys.argv[2:])
