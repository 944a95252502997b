"""The way of the data through the folders: none imports what stands downstream of it."""

import ast

import pytest

from project import ROOT

SOURCE = ROOT / "src" / "mdllm"
ROOMS = (
    "core",
    "molecules",
    "config",
    "observables",
    "run",
    "sources",
    "simulation",
    "prepare",
    "survey",
    "collections",
    "tokenizers",
    "language",
    "models",
    "bases",
    "ensembles",
    "analysis",
    "seqdance",
    "verification",
    "report",
    "figures",
    "page",
    "project",
)
ABOVE_ALL = {
    "__init__.py",
    "__main__.py",
    "check.py",
    "cli",
    "cost.py",
    "preflight.py",
    "results.py",
    "schemas.py",
    "status.py",
}
LINES = 350


def modules(path) -> set[str]:
    """Modules that a file imports, also within its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


def imported(path) -> set[str]:
    """Rooms that a file imports."""
    return {name.split(".")[1] for name in modules(path) if name.startswith("mdllm.")}


def test_every_folder_and_file_has_its_place():
    here = {path.name for path in SOURCE.iterdir() if path.name != "__pycache__"}
    assert here == {*ROOMS, *ABOVE_ALL}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_nothing_downstream(room):
    upstream = {*ROOMS[: ROOMS.index(room) + 1]}
    for path in (SOURCE / room).rglob("*.py"):
        assert imported(path) <= upstream, path.relative_to(SOURCE)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_on_its_door_what_is_inside(room):
    for door in (SOURCE / room).rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(door.read_text())), door.relative_to(SOURCE)


def test_three_files_of_one_prefix_are_a_folder():
    for folder in {path.parent for path in SOURCE.rglob("*.py")}:
        prefixes = [path.stem.split("_")[0] for path in folder.glob("*_*.py") if not path.stem.startswith("_")]
        for prefix in set(prefixes):
            assert prefixes.count(prefix) < 3, f"{folder.relative_to(SOURCE)}/{prefix}_*"


def test_the_library_knows_no_workflow_engine_and_only_figures_draw():
    for path in SOURCE.rglob("*.py"):
        names = {name.split(".")[0] for name in modules(path)}
        assert "snakemake" not in names, path
        assert "matplotlib" not in names or path.is_relative_to(SOURCE / "figures"), path
        assert len(path.read_text().splitlines()) <= LINES, path
