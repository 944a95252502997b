"""Size of a page, and the time until it can be used, for 5,000 generated frames of 164 residues.

Prints and writes records/page.json: bytes of the page and of the structures in it, seconds to sample and to write, and
in Chromium, offline from the file system, seconds until the document is there, until its charts are drawn, and until
the structures are unpacked. The same page without frames is opened beside it: what lies between is theirs, the rest is
the browser's start on this machine. Frames are those of benchmarks/novelty.py; their variables are random. Run it as
``OMP_NUM_THREADS=1 python benchmarks/page.py``.
"""

import gzip
import io
import shutil
import sys
import tempfile
import time
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
from novelty import perturbed
from playwright.sync_api import sync_playwright
from record import ROOT, write_record

from mdllm.core.records import write_json
from mdllm.core.trajectories import TrajectoryWriter, backbone_universe, write_topology
from mdllm.ensembles.sources import FILES, MODEL, NULLS
from mdllm.figures.registry import TABLES
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.page.build import build
from mdllm.page.registry import SECTIONS
from mdllm.page.sample import SampleInputs, sample
from mdllm.page.tables import PageTables

GENERATED, REPLICAS, MD, NULL = 5000, 50, 1500, 1000
MOST_COORDINATES = 11_000_000  # as in workflow/rules/common.smk
OPTIONS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
COLUMNS = {"distance_nm": ("distance", "nm", False), "psi_rad": ("ψ", "rad", True)}


def write_run(folder: Path) -> SampleInputs:
    """What the stages before would have left."""
    rng = np.random.default_rng(0)
    text = gzip.decompress((ROOT / "tests" / "data" / "3dmv.pdb.gz").read_bytes()).decode()
    universe = mda.Universe(io.StringIO(text), format="PDB")
    atoms = BackboneAtoms.select(universe, "protein", "3dmv")
    structure = atoms.cut(universe.atoms.positions, None)[:, :4]
    write_topology(folder / "topology.pdb", backbone_universe(atoms.residues), structure)
    counts = {"md": MD, MODEL: GENERATED, **dict.fromkeys(NULLS, NULL)}
    tables = []
    for source, count in counts.items():
        name = "trajectory.xtc" if source == "md" else FILES[source]
        with TrajectoryWriter(folder / name) as writer:
            writer.write(perturbed(structure, count, rng), np.arange(count))
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
        nearest_training_frame=rng.integers(0, MD, size)[~is_md],
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
    residues = pd.DataFrame({"cluster": 1, "residue": np.arange(1, len(structure) + 1), "moved": False})
    residues.to_csv(folder / "residues.csv", index=False)
    medoid = pd.DataFrame({"cluster": [1], "medoid_replica": 0, "medoid_frame": 1, "medoid_sample": 0})
    medoid.to_csv(folder / "clusters.csv", index=False)
    rollout = {"replicas": REPLICAS, "frames": GENERATED // REPLICAS}
    summary = {"about": "3DMV, perturbed", "conditions": {"training_states": ["A"]}, "rollout": rollout}
    summary |= {"training": {"validation_loss": 2.0, "beats_baselines": True}}
    write_json(folder / "summary.json", summary)
    places = {
        "topology": "topology.pdb",
        "trajectory": "trajectory.xtc",
        "index": "index.parquet",
        "cvs": "cvs.parquet",
    }
    places |= {"description": "description.json", "new_frames": "new_frames.parquet", "ensemble": FILES[MODEL]}
    places |= {null: FILES[null] for null in NULLS}
    return SampleInputs(**{name: folder / place for name, place in places.items()})


def made(folder: Path) -> dict:
    """Both pages, with what making them took."""
    inputs = write_run(folder)
    started = time.perf_counter()
    kept = sample(inputs, MOST_COORDINATES, folder)
    sampled = time.perf_counter()
    own = {"page_frames": "frames.parquet", "page_structures": "structures.npz", "page_about": "about.json"}
    own |= {"new_residues": "residues.csv", "new_clusters": "clusters.csv", "summary": "summary.json"}
    tables = PageTables(
        {**{name: folder / place for name, place in own.items()}, "description": inputs.description}, {}, ""
    )
    assert own.keys() <= TABLES.keys()
    shown = {section.name: ["main"] * (section.name == "explorer") for section in SECTIONS}
    size = build("t4l", {"main": tables}, shown, folder / "page.html")["bytes"]
    written = time.perf_counter()
    build("t4l", {"main": tables}, {name: [] for name in shown}, folder / "empty.html")
    seconds = {"sample_s": round(sampled - started, 2), "write_s": round(written - sampled, 2)}
    return {"megabytes": round(size / 1e6, 2), "frames_with_structure": kept, **seconds}


def opened(browser, path: Path) -> dict[str, float]:
    """Median of three: seconds until a page is there, until it can be used, and until all of it is drawn."""
    rows = []
    for _ in range(3):
        context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
        page = context.new_page()
        started = time.perf_counter()
        page.goto(path.as_uri())
        there = time.perf_counter() - started
        page.evaluate("mdllmPage.drawing")
        drawn = time.perf_counter() - started
        page.evaluate("Promise.all(Object.values(mdllmPage.explorers).map((explorer) => explorer.unpacked))")
        rows.append({"document_s": there, "charts_s": drawn, "structures_s": time.perf_counter() - started})
        context.close()
    return {name: round(float(value), 2) for name, value in pd.DataFrame(rows).median().items()}


def main() -> None:
    program = shutil.which("chromium")
    if program is None:
        sys.exit("needs Chromium; Debian: apt-get install --no-install-recommends chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        results = {"generated_frames": GENERATED, "residues": 164, **made(Path(folder))}
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        results["opens"] = opened(browser, Path(folder) / "page.html")
        results["opens_without_frames"] = opened(browser, Path(folder) / "empty.html")
        browser.close()
    write_record("page", results)


if __name__ == "__main__":
    main()
