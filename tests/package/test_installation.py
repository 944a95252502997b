"""The package as pip installs it: whole, with its data files and its command, from any folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project import ROOT

pytestmark = pytest.mark.slow  # the package is installed first

IMPORT_ALL = """
import gc, importlib, pkgutil
gc.disable()  # a quarter of the time
import mdllm
for module in pkgutil.walk_packages(mdllm.__path__, "mdllm."):
    if module.name != "mdllm.__main__":
        importlib.import_module(module.name)
from mdllm.config.plan import Plan
from mdllm.figures.style import figure
with figure("seed 0", 3, 2) as (drawn, _):
    print(mdllm.__file__, drawn.figure.get_figwidth())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what pip installs, dependencies apart; built from a copy, since a build leaves files behind."""
    folder = tmp_path_factory.mktemp("installed")
    copy = tmp_path_factory.mktemp("checkout") / "mdllm"
    ignored = shutil.ignore_patterns(".*", "results", "__pycache__", "*.egg-info", "build")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=ignored)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(folder), str(copy)], check=True, capture_output=True)
    return folder


def run(installed, folder, *command: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(installed)}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def test_every_module_imports_and_draws_from_an_empty_folder(installed, tmp_path):
    assert run(installed, tmp_path, sys.executable, "-c", IMPORT_ALL).split() == [
        f"{installed}/mdllm/__init__.py",
        "3.0",
    ]


def test_the_presets_are_those_of_the_checkout(installed):
    for preset in (ROOT / "config" / "presets").glob("*.yaml"):
        assert (installed / "mdllm" / "config" / "presets" / preset.name).read_text() == preset.read_text()


def test_the_command_is_there(installed, tmp_path):
    out = run(installed, tmp_path, str(installed / "bin" / "mdllm"), "--help")
    for command in (
        "init",
        "demo",
        "status",
        "report",
        "schemas",
        "stale",
        "estimate",
        "improbable",
        "check-foldtoken4",
    ):
        assert command in out
    assert "train-process" not in out


@pytest.mark.parametrize(
    ("module", "takes_time"),
    [
        ("cli", {"numpy", "pandas", "pydantic", "torch", "MDAnalysis", "matplotlib"}),
        ("page.build", {"torch", "scipy.stats", "sklearn", "matplotlib"}),
        ("report.summarize", {"torch", "scipy.stats", "sklearn", "deeptime", "mdtraj", "openmm"}),
        ("ensembles.redraw", {"transformers", "sklearn"}),
    ],
)
def test_a_command_or_stage_imports_nothing_that_it_does_not_need(installed, tmp_path, module, takes_time):
    out = run(installed, tmp_path, sys.executable, "-c", f"import sys, mdllm.{module}; print(*sys.modules)")
    assert not takes_time & set(out.split())


def test_a_project_outside_of_a_checkout_runs_the_workflow_of_the_package(installed, tmp_path):
    out = run(installed, tmp_path, str(installed / "bin" / "mdllm"), "demo", "mine", "--no-run")
    assert out.splitlines()[0] == "cd mine"
    command = out.splitlines()[1].split()
    made = run(installed, tmp_path / "mine", sys.executable, "-m", *command, "--cores", "1", "--dry-run")
    assert "results/trp_cage/from_b/summary.json" in made
    assert "Nothing to be done" not in made


def test_the_dockerfile_has_no_fault_that_its_linter_knows():
    linter = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([linter, ROOT / "envs" / "Dockerfile"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    copied = [line.split()[1] for line in (ROOT / "envs" / "Dockerfile").read_text().splitlines() if "COPY" in line]
    assert copied == ["requirements.txt", ".", "."]
    kept = [
        line[1:] for line in (ROOT / "envs" / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    assert all((ROOT / name).exists() for name in kept)
    assert {"src", "workflow", "envs", "profiles", "config"} <= set(kept)
