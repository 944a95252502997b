"""Another package adds to mdllm by entry points, and is used from a config file without an edit of ours."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import MDAnalysis
import numpy as np
import pandas as pd
import pytest
import yaml

from mdllm.core.records import read_json
from project import ROOT, SMALL, Project

PACKAGE = Path(__file__).with_name("package")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that the package was installed into."""
    source = tmp_path_factory.mktemp("plugin") / "package"
    shutil.copytree(PACKAGE, source)
    site = tmp_path_factory.mktemp("site")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
    ]
    subprocess.run([*pip, str(source)], check=True, capture_output=True, text=True)
    return site


class WithPlugin(Project):
    def __init__(self, folder: Path, cache: Path, systems: dict, site: Path):
        super().__init__(folder, cache, SMALL, systems)
        self._site = site

    def environment(self) -> dict[str, str]:
        return super().environment() | {"PYTHONPATH": str(self._site)}


@pytest.mark.slow
def test_a_tokenizer_a_model_a_variable_and_a_figure_of_another_package(tmp_path, cache, trp_cage_files, installed):
    system = yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())
    system["collective_variables"]["end"] = {"type": "end_to_end"}
    system["plane"] = ["end", "psi11"]
    system["variants"] = {}
    system["stages"] = {
        "tokenizer": {"name": "coarse_torsions"},
        "fidelity": {"training_rmsd_nm": 1.0, "training_state_kept": 0.0},
        "model": {"name": "gru", "hidden_size": 16},
    }
    project = WithPlugin(tmp_path, cache, {"trp_cage": system}, installed)
    small = {name: section for name, section in SMALL.items() if name not in ("tokenizer", "model")}
    project.write("config/config.yaml", {"systems": ["trp_cage"], "overrides": small})
    project.run(*(f"results/trp_cage/main/{made}" for made in ("summary.json", "figures/end_to_end_histogram.png")))
    results = project.folder / "results" / "trp_cage" / "main"
    conditions = read_json(results / "summary.json")["conditions"]
    assert (conditions["tokenizer"], conditions["model"], conditions["codebook_size"]) == ("coarse_torsions", "gru", 64)
    table = pd.read_parquet(results / "analysis" / "cvs.parquet")
    md = MDAnalysis.Universe(*(results.parent / "frames" / name for name in ("topology.pdb", "trajectory.xtc")))
    first, last = md.select_atoms("name CA")[[0, -1]]
    expected = [np.linalg.norm(last.position - first.position) / 10 for _ in md.trajectory]
    assert table.loc[table["source"] == "md", "end_nm"].to_numpy() == pytest.approx(expected, abs=1e-3)
    shown = pd.read_csv(results / "figures" / "end_to_end_histogram.csv")
    assert len(shown) == SMALL["rollout"]["frames"] * SMALL["rollout"]["replicas"]
    assert (results / "figures" / "end_to_end_histogram.png").stat().st_size > 1000
    assert "end-to-end distance" in (results / "analysis" / "description.json").read_text()


def asked(site: Path, code: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(site), str(ROOT / "src")])
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )


@pytest.mark.slow
def test_what_can_be_chosen_is_listed(installed):
    out = asked(installed, "from mdllm.cli import main; main(['list'])").stdout
    for word in ("coarse_torsions", "gru", "end_to_end", "end_to_end_histogram", "multiscale", "nanogpt", "psi"):
        assert word in out.split()


@pytest.mark.parametrize(
    ("group", "point", "message"),
    [
        ("tokenizers", "grid = absent_module:Settings", "(package broken) cannot be loaded: No module named"),
        ("tokenizers", "grid = json:dumps", "is no TokenizerSettings"),
        ("tokenizers", "grid = mdllm.tokenizers.torsion_grid:TorsionGridSettings", "must be Literal['grid']"),
        ("tokenizers", "multiscale = mdllm.tokenizers.torsion_grid:TorsionGridSettings", "this name is taken"),
        ("figures", "plane = mdllm.figures.registry:figures", "is no FigureKind of a new name"),
    ],
)
def test_a_package_that_adds_nonsense_is_named(tmp_path, group, point, message):
    folder = tmp_path / "broken-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[mdllm.{group}]\n{point}\n")
    code = "from mdllm.figures.registry import figures; from mdllm.config.choices import TOKENIZERS; "
    code += "TOKENIZERS.classes; figures()"
    out = asked(tmp_path, code)
    assert "InputError: entry point" in out.stderr
    assert message in out.stderr
