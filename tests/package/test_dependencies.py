"""What pyproject.toml asks for: what the library imports, and what requirements.in pins."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement

from project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {extra: [Requirement(text) for text in texts] for extra, texts in PROJECT["optional-dependencies"].items()}
COMPILED = EXTRAS.pop("engines")  # where it is installed, for which not everybody has a compiler: pinned nowhere
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text().splitlines()
    return {normal(name): version for name, version in (line.split("==") for line in lines if "==" in line)}


def test_every_dependency_is_pinned_in_a_version_that_it_allows():
    pinned = pins("requirements.in")
    for requirement in (*DEPENDENCIES, *(entry for extra in EXTRAS.values() for entry in extra)):
        assert requirement.specifier.contains(pinned[normal(requirement.name)]), requirement


def test_everything_pinned_is_a_dependency_and_locked():
    asked = {normal(entry.name) for entry in (*DEPENDENCIES, *(entry for extra in EXTRAS.values() for entry in extra))}
    assert set(pins("requirements.in")) == asked
    assert pins("requirements.in").items() <= pins("requirements.txt").items()


def test_what_the_library_imports_is_asked_for():
    modules = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add(node.module.split(".")[0])
    provided = packages_distributions()
    others = modules - set(sys.stdlib_module_names) - {"mdllm", *(entry.name.lower() for entry in COMPILED)}
    needed = {normal(provided[module][0]) for module in others}
    asked = {normal(entry.name) for entry in (*DEPENDENCIES, *EXTRAS["gpu"], *EXTRAS["simulation"])}
    assert needed <= asked
    # The workflow's, never imported by the library, and what MDAnalysis reads mmCIF with.
    assert asked - needed == {"snakemake", "gemmi"}
