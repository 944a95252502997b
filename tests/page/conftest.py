"""The page of one analysed run, made once: two variants that are alike, and the index."""

import shutil
from pathlib import Path

import pytest

from browser import Opened, chromium
from mdllm.core.records import write_json
from mdllm.ensembles.sources import ensemble_files
from mdllm.figures.registry import TABLES
from mdllm.page.build import build, build_index
from mdllm.page.registry import SECTIONS
from mdllm.page.sample import SampleInputs, sample
from mdllm.page.tables import PageTables

RECORD = {
    "stage": "train", "code": "0123456789ab", "git_commit": "f" * 40, "git_clean": True, "settings": {"seed": 3},
    "device": "cpu", "started": "2026-11-01T10:00:00.000+00:00", "wall_time_s": 12.5, "peak_memory_mb": 500.0,
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
}  # fmt: skip


@pytest.fixture(scope="session")
def run(tmp_path_factory, analyzed_run, trp_cage_prepared) -> Path:
    """A copy of the analyzed run, with the sample of its frames in `output/page`."""
    folder = shutil.copytree(analyzed_run, tmp_path_factory.mktemp("page_run"), dirs_exist_ok=True)
    (folder / "output" / "page").mkdir()
    sample(inputs_of(folder, trp_cage_prepared), 10_000_000, folder / "output" / "page")
    write_json(folder / "provenance.json", RECORD)
    return folder


def inputs_of(folder: Path, prepared) -> SampleInputs:
    return SampleInputs(
        topology=prepared.topology,
        trajectory=prepared.trajectory,
        cvs=folder / "output" / "analysis" / "cvs.parquet",
        description=folder / "output" / "analysis" / "description.json",
        new_frames=folder / "output" / "novelty" / "frames.parquet",
        index=folder / "index.parquet",
        ensembles=ensemble_files(folder),
    )


def tables_of(folder: Path) -> PageTables:
    paths = {name: folder / "output" / path for name, (_, path) in TABLES.items()}
    paths |= {"training_log": folder / "training_log.csv"}
    there = {name: path for name, path in paths.items() if path.is_file()}
    return PageTables(there, {"train": folder / "provenance.json"}, "results/trp_cage/main")


def applies_to(tables: PageTables, *variants: str) -> dict[str, list[str]]:
    return {section.name: list(variants) * all(map(tables.has, section.needs)) for section in SECTIONS}


@pytest.fixture(scope="session")
def results(tmp_path_factory, run) -> Path:
    """`results/` with the page of trp_cage and the index."""
    folder = tmp_path_factory.mktemp("pages") / "results"
    tables = tables_of(run)
    for variant in ("main", "again"):
        (folder / "trp_cage" / variant).mkdir(parents=True)
        write_json(folder / "trp_cage" / variant / "summary.json", {**tables.summary, "variant": variant})
    page = folder / "trp_cage" / "report.html"
    build("trp_cage", {"main": tables, "again": tables}, applies_to(tables, "main", "again"), page)
    build_index(folder, folder / "index.html")
    return folder


@pytest.fixture(scope="session")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def opened(browser, results) -> Opened:
    """The page of trp_cage, drawn; tests leave it as they find it."""
    return Opened(browser, results / "trp_cage" / "report.html").drawn()
