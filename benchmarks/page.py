"""Size of a page, and the time until it can be used, for 5,000 generated frames of 164 residues.

Prints and writes records/page.json: bytes of the page and of the structures in it, seconds to sample and to write; and
in Chromium, offline from the file system with WebGL in software, until the page is *open* (the answer is read, the map
is drawn and takes clicks), until the first *structures* are shown, until *all* charts are drawn, and from a *click* on
a frame to its structure: wall time and, beside it, processor time of the browser, with the load of the machine. The
same page without frames is opened beside it: what lies between is theirs, the rest is the browser's start here.

Frames: 164 residues of the AdK trajectories of MDAnalysisTests, coded by the multiscale tokenizer; a share of the codes
of each is drawn from those that its residues have in other frames, and the codes are decoded. Variables are random.
Run it as ``OMP_NUM_THREADS=1 python benchmarks/page.py``.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
import psutil
from MDAnalysisTests.datafiles import DCD, PSF
from playwright.sync_api import sync_playwright
from record import write_record
from tokenizer import read_adk, settings

from mdllm.core.geometry import with_oxygen
from mdllm.core.records import read_npz, write_json
from mdllm.core.trajectories import TrajectoryWriter, backbone_universe, write_topology
from mdllm.ensembles.names import FILES, MODEL, NULLS
from mdllm.ensembles.sources import ensemble_files
from mdllm.figures.registry import TABLES
from mdllm.page.build import build
from mdllm.page.registry import SECTIONS
from mdllm.page.sample import SampleInputs, sample
from mdllm.page.tables import PageTables
from mdllm.tokenizers.multiscale.tokenizer import Multiscale

GENERATED, REPLICAS, MD, NULL = 5000, 50, 1600, 1000
RESIDUES = 164
REDRAWN = {"md": 0.03, "model": 0.1}  # share of codes, by source; the nulls as the model
BYTES_OF_FRAMES = 12_000_000  # as in workflow/rules/page.smk
OPTIONS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
CLICKS = 5
# Where a generated frame lies on the screen, of as many as are asked for.
PLACE = """([number, of]) => {
  const explorer = mdllmPage.explorers.main, view = explorer.map, canvas = explorer.root.querySelector(".map canvas");
  const rows = explorer.shown.filter((row) => row.key === "model");
  const row = rows[Math.floor(((number + 0.5) * rows.length) / of)];
  const [dx, dy] = view.origin(), { left, top } = view.padding(), box = canvas.getBoundingClientRect();
  return [box.x + view.scale("x")(row.x) + dx + left, box.y + view.scale("y")(row.y) + dy + top];
}"""
CHANGED = """(before) => {
  const { chosen, drawn } = mdllmPage.explorers.main.root.dataset;
  return chosen !== before && chosen === drawn;
}"""
COLUMNS = {"distance_nm": ("distance", "nm", False), "psi_rad": ("ψ", "rad", True)}


class Frames:
    """Frames like those of MD, and of a model that has learned them."""

    def __init__(self, rng: np.random.Generator):
        backbone = np.concatenate(read_adk())[:, :RESIDUES]
        self.tokenizer = Multiscale.fit(backbone, settings(128), seed=0)
        self.codes, self.rng = self.tokenizer.encode(backbone), rng
        residues = mda.Universe(PSF, DCD).select_atoms("protein").residues[:RESIDUES]
        self.topology = backbone_universe(residues, with_oxygen(backbone[:1])[0])
        self.first = with_oxygen(backbone[:1])[0]

    def draw(self, count: int, share: float) -> np.ndarray:
        """`count` frames (F, L, 4, 3) in nm, each of the next code, of which a share is that of other frames."""
        codes = self.codes[np.arange(count) % len(self.codes)]
        others = np.take_along_axis(self.codes, self.rng.integers(0, len(self.codes), codes.shape), axis=0)
        drawn = self.rng.random(codes.shape) < share
        return with_oxygen(self.tokenizer.decode(np.where(drawn, others, codes))).astype(np.float32)


def write_run(folder: Path) -> SampleInputs:
    """What the stages before would have left."""
    rng = np.random.default_rng(0)
    made = Frames(rng)
    write_topology(folder / "topology.pdb", made.topology, made.first)
    counts = {"md": MD, MODEL: GENERATED, **dict.fromkeys(NULLS, NULL)}
    tables = []
    for source, count in counts.items():
        name = "trajectory.xtc" if source == "md" else FILES[source]
        with TrajectoryWriter(folder / name) as writer:
            writer.write(made.draw(count, REDRAWN["md" if source == "md" else MODEL]), np.arange(count))
        each = count // REPLICAS if source == MODEL else count
        frame = np.arange(count)
        tables.append(pd.DataFrame({"source": source, "replica": frame // each, "frame": frame % each, "sample": 0}))
    frames = pd.concat(tables, ignore_index=True)
    size = len(frames)
    frames.to_parquet(folder / "index.parquet")
    variables = {"distance_nm": rng.normal(0.8, 0.1, size), "psi_rad": rng.vonmises(0, 4, size)}
    variables |= {"rmsd_to_start_nm": rng.gamma(4, 0.03, size), "log_likelihood_nats": rng.normal(-500, 20, size)}
    is_md = frames["source"] == "md"
    frames.assign(training=is_md, state="A", **variables).to_parquet(folder / "cvs.parquet")
    new = rng.random(size) < 0.05
    frames[~is_md].assign(
        nearest_training_frame=(frames["frame"] % len(made.codes) + rng.integers(0, 8, size) * len(made.codes))[~is_md],
        rmsd_nm=0.1,
        novelty=rng.gamma(4, 0.15, size)[~is_md],
        new=new[~is_md],
        cluster=np.where(new, rng.integers(1, 10, size), 0)[~is_md],
    ).to_parquet(folder / "new_frames.parquet")
    columns = {
        name: {"label": label, "unit": unit, "periodic": wraps} for name, (label, unit, wraps) in COLUMNS.items()
    }
    about = {"columns": columns, "plane": list(COLUMNS), "states": {"A": []}, "training_states": ["A"]}
    write_json(folder / "description.json", about)
    residues = pd.DataFrame({"cluster": 1, "residue": np.arange(1, RESIDUES + 1), "moved": False})
    residues.to_csv(folder / "residues.csv", index=False)
    medoid = pd.DataFrame({"cluster": [1], "medoid_replica": 0, "medoid_frame": 1, "medoid_sample": 0})
    medoid.to_csv(folder / "clusters.csv", index=False)
    rollout = {"replicas": REPLICAS, "frames": GENERATED // REPLICAS}
    summary = {"about": "residues 1-164 of AdK", "conditions": {"training_states": ["A"]}, "rollout": rollout}
    summary |= {"training": {"validation_loss": 2.0, "beats_baselines": True}, "base": None}
    write_json(folder / "summary.json", summary)
    places = {
        "topology": "topology.pdb",
        "trajectory": "trajectory.xtc",
        "index": "index.parquet",
        "cvs": "cvs.parquet",
    }
    places |= {"description": "description.json", "new_frames": "new_frames.parquet"}
    return SampleInputs(**{name: folder / place for name, place in places.items()}, ensembles=ensemble_files(folder))


def made(folder: Path) -> dict:
    """Both pages, with what making them took."""
    inputs = write_run(folder)
    started = time.perf_counter()
    kept = sample(inputs, BYTES_OF_FRAMES, folder)
    sampled = time.perf_counter()
    own = {"page_frames": "frames.parquet", "page_structures": "structures.npz", "page_about": "about.json"}
    own |= {"new_residues": "residues.csv", "new_clusters": "clusters.csv", "summary": "summary.json"}
    tables = PageTables(
        {**{name: folder / place for name, place in own.items()}, "description": inputs.description}, {}, ""
    )
    assert own.keys() <= TABLES.keys()
    shown = {section.name: ["main"] * (section.name == "explorer") for section in SECTIONS}
    size = build("adk", {"main": tables}, shown, folder / "page.html")["bytes"]
    written = time.perf_counter()
    build("adk", {"main": tables}, {name: [] for name in shown}, folder / "empty.html")
    seconds = {"sample_s": round(sampled - started, 2), "write_s": round(written - sampled, 2)}
    stored = read_npz(folder / "structures.npz")
    bits = 8 * len(stored["deflated"]) / (sum(kept.values()) * stored["reference"].size)
    return {"megabytes": round(size / 1e6, 2), "bits_a_coordinate": round(bits, 2), "frames": kept, **seconds}


def processor_s() -> float:
    """Of the browser, which is all that runs below this process."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return sum(time.user + time.system for time in times)


def opened(browser, path: Path, clicks: int) -> dict[str, dict[str, float]]:
    """Medians of three, wall and processor time in seconds, until each point of the module's docstring."""
    rows = []
    for _ in range(3):
        context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
        page = context.new_page()
        start = time.perf_counter(), processor_s()

        def point(name: str, start: tuple[float, float]) -> None:
            wall, processor = time.perf_counter() - start[0], processor_s() - start[1]
            rows.append({"point": name, "wall_s": wall, "processor_s": processor})

        page.goto(path.as_uri())
        page.evaluate("mdllmPage.opened")
        point("open", start)
        if clicks:
            page.wait_for_selector("[data-drawn]")
            point("structures", start)
        page.evaluate("mdllmPage.drawing")
        point("all", start)
        for click in range(clicks):
            place = page.evaluate(PLACE, [click, clicks])
            before = page.locator("[data-chosen]").get_attribute("data-chosen")
            start = time.perf_counter(), processor_s()
            page.mouse.click(*place)
            page.wait_for_function(CHANGED, arg=before)
            point("click", start)
        context.close()
    return pd.DataFrame(rows).groupby("point", sort=False).median().round(2).to_dict("index")


def main() -> None:
    program = shutil.which("chromium")
    if program is None:
        sys.exit("needs Chromium; Debian: apt-get install --no-install-recommends chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        results = {"generated_frames": GENERATED, "residues": RESIDUES, **made(Path(folder))}
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        results["load_before"] = [round(value, 1) for value in os.getloadavg()]
        results["with_frames"] = opened(browser, Path(folder) / "page.html", CLICKS)
        results["without_frames"] = opened(browser, Path(folder) / "empty.html", 0)
        browser.close()
    write_record("page", results)


if __name__ == "__main__":
    main()
