"""How much MD until it is in the state of Trp-cage that nobody named: after proposals, after restarts, and by itself.

    snakemake --profile profiles/local --config only=trp_cage_from_a,trp_cage_from_b    # a GPU, or days
    python benchmarks/cost.py simulate RESULTS FOLDER [WORKERS] [SECONDS]               # the same
    python benchmarks/cost.py judge RESULTS FOLDER

All in one force field and solvent, that of verification in config/systems/trp_cage_from_a.yaml and _from_b.yaml. Of the
base and of each null, the largest new clusters first and then random frames, as they were proposed, one short
simulation each; three repeats are the variants, three seeds. `simulate` makes what they are compared with, for each of
the two systems, three repeats each: *plain*, MD that goes on from the last training frame for PLAIN_PS; *restarts*,
short simulations from the RESTARTS training frames of the least-visited of CLUSTERS clusters in the plane of the slow
coordinates (k-means), each as long as that of a proposal. WORKERS simulations at a time; after SECONDS what is not done
is left, and of plain MD what is there counts.

`judge` looks up the truth: MD is in the other state at the first window of WINDOW_PS in which most frames lie in its
region and are as close to MD's frames of it as these are to each other (as in proposals.py). The cost is the simulated
time until then, equilibration included; where that never comes, it is censored at what was simulated. Prints a table,
writes records/cost.json, and draws docs/images/cost.png.
"""

import json
import multiprocessing
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import MDAnalysis as mda
import numpy as np
import pandas as pd
from proposals import cases, closeness, differing_residues, distances
from record import ROOT, write_record
from sklearn.cluster import KMeans

from mdllm.config.reading import read_yaml
from mdllm.config.settings.simulation import SimulationSource
from mdllm.config.settings.verification import VerificationSettings
from mdllm.core.records import read_json, read_npz
from mdllm.figures import style
from mdllm.simulation.simulate import simulate as simulate_one
from mdllm.verification.judge import read_simulated

SYSTEMS = ("trp_cage_from_a", "trp_cage_from_b")
VARIANTS = ("main", "seed_1", "seed_2")
REPEATS = 3
PLAIN_PS, RESTARTS, CLUSTERS = 4000.0, 50, 40
WINDOW_PS = 2.5


def settings_of(system: str) -> VerificationSettings:
    return VerificationSettings(**read_yaml(ROOT / "config" / "systems" / f"{system}.yaml")["stages"]["verification"])


def gather(results: Path, folder: Path) -> None:
    """Heavy atoms of the training frames that simulations start from, and their table."""
    rows = []
    for system in SYSTEMS:
        raw = read_json(results / system / "raw" / "sources.json")
        universe = mda.Universe(raw["topology"]["path"], [file["path"] for file in raw["trajectories"]])
        heavy = universe.select_atoms("protein and not name H* 1H* 2H* 3H*")
        frames = pd.read_parquet(results / system / "frames" / "frames.parquet")
        training = frames[frames["frame"].isin(read_npz(results / system / "main" / "tokens" / "codes.npz")["frame"])]
        for repeat in range(REPEATS):
            chosen = [("plain", training.index[-1]), *(("restart", row) for row in least_visited(training, repeat))]
            for number, (kind, row) in enumerate(chosen):
                name = f"{system}_{kind}_{repeat}_{number}"
                universe.trajectory[training.loc[row, "frame"]]
                (folder / "structures").mkdir(parents=True, exist_ok=True)
                heavy.write(folder / "structures" / f"{name}.pdb")
                rows.append({"name": name, "system": system, "kind": kind, "repeat": repeat, "number": number})
    pd.DataFrame(rows).to_csv(folder / "starts.csv", index=False)


def least_visited(training: pd.DataFrame, repeat: int) -> list[int]:
    """Rows of training frames, one of each cluster, that of the fewest frames first, until there are RESTARTS."""
    rng = np.random.default_rng(repeat)
    label = KMeans(CLUSTERS, n_init=1, random_state=repeat).fit_predict(training[["slow_1", "slow_2"]])
    rows = training.index.to_numpy()
    members = [rng.permutation(rows[label == cluster]) for cluster in np.argsort(np.bincount(label), kind="stable")]
    rounds = (own[turn] for turn in range(len(rows)) for own in members if turn < len(own))
    return [int(next(rounds)) for _ in range(RESTARTS)]


def sources(folder: Path) -> Iterator[tuple[str, SimulationSource]]:
    """Name and simulation of each start, plain MD first, and then the restarts of all repeats in turn."""
    table = pd.read_csv(folder / "starts.csv")
    for row in table.sort_values(["number", "system", "repeat"]).itertuples():
        found = settings_of(row.system).simulation(
            folder / "structures" / f"{row.name}.pdb", 1000 * row.repeat + row.number
        )
        plain = {"production_ps": PLAIN_PS, "checkpoint_interval_ps": 50.0}
        yield row.name, found.model_copy(update=plain) if row.kind == "plain" else found


def one(item: tuple[Path, str, SimulationSource]) -> str:
    folder, name, source = item
    place = folder / "simulations" / name
    if not (place / "result.json").is_file():
        files = {"topology": place / "topology.pdb", "trajectory": place / "trajectory.xtc", "log": place / "log.csv"}
        notes = simulate_one(source, folder / "structures" / f"{name}.pdb", work_folder=place / "work", **files)
        (place / "result.json").write_text(json.dumps(notes))
    return name


def simulate(results: str, folder: str, workers: str = "1", seconds: str = "inf") -> None:
    began, folder = time.monotonic(), Path(folder)
    gather(Path(results), folder)
    with multiprocessing.get_context("spawn").Pool(int(workers)) as pool:
        items = [(folder, *of) for of in sources(folder)]
        ended = pool.imap_unordered(one, items)
        for _ in items:
            try:
                ended.next(timeout=None if seconds == "inf" else float(seconds) - (time.monotonic() - began))
            except multiprocessing.TimeoutError:
                break  # `judge` takes what is there


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
        starts = pd.read_csv(folder / "starts.csv").query("system == @system")
        for (kind, repeat), own in starts.groupby(["kind", "repeat"], sort=False):
            folders = [folder / "simulations" / name for name in own.sort_values("number")["name"]]
            files = [place if (place / "trajectory.xtc").is_file() else place / "work" for place in folders]
            found = total([place / "trajectory" for place in files], first, settings, topology="topology.pdb")
            rows.append(
                {"system": system, "way": {"plain": "plain MD"}.get(kind, "least-visited"), "repeat": repeat, **found}
            )
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
    for file in files:
        if file.with_suffix(".xtc").is_file():
            count += 1
            at, length = first(
                file.with_name(topology) if topology else file.with_suffix(".pdb"), file.with_suffix(".xtc")
            )
            if at is not None:
                return {"ns": round((spent + settings.nvt_ps + at) / 1000, 4), "censored": False, "simulations": count}
            spent += settings.nvt_ps + length
    return {"ns": round(spent / 1000, 4), "censored": True, "simulations": count}


if __name__ == "__main__":
    {"simulate": simulate, "judge": judge}[sys.argv[1]](*sys.argv[2:])
