"""The package as pip installs it: whole, with its data files and its command, from any folder."""

import os
import shutil
import subprocess
import sys

import pytest

from project import ROOT

IMPORT_ALL = """
import importlib, pkgutil
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
    for command in ("report", "schemas", "stale", "estimate", "improbable", "check-foldtoken4"):
        assert command in out
    assert "train-process" not in out


def test_the_help_imports_nothing_that_takes_time(installed, tmp_path):
    code = "import sys, mdllm.cli; print(*sys.modules)"
    modules = set(run(installed, tmp_path, sys.executable, "-c", code).split())
    assert not modules & {"numpy", "pandas", "pydantic", "torch", "MDAnalysis", "matplotlib"}
