"""A project: a folder with a Snakefile, a profile and config/, in which the installed mdllm runs.

A checkout is one already. Nothing that is there is written over.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

FILES = Path(__file__).resolve().parent / "files"
CONFIG = Path("config") / "config.yaml"
_SYSTEMS = re.compile(r"^systems:\n(  - \w+\n)+", re.MULTILINE)
_SNAKEFILE = '''"""The workflow of the installed mdllm, in this folder: config/ says what runs."""

from mdllm.project.make import snakefile


include: snakefile()


workflow.default_target = "all"  # an included file cannot set it
'''


def snakefile() -> str:
    """The path of the workflow that comes with this package."""
    return str((FILES / "workflow" / "Snakefile").resolve())


def make_project(folder: Path, systems: Sequence[str]) -> list[Path]:
    """Make `folder` a project that runs `systems`, unless it is one.

    Returns:
        the files that were written; none where `folder` has a config/config.yaml.
    """
    if (folder / CONFIG).is_file():
        return []
    listed = "".join(f"  - {name}\n" for name in systems)
    texts = {
        CONFIG: _SYSTEMS.sub(f"systems:\n{listed}", (FILES / CONFIG).read_text()),
        Path("Snakefile"): _SNAKEFILE,
        Path("profiles", "local", "config.yaml"): (FILES / "profiles" / "local" / "config.yaml").read_text(),
    }
    missing = {path: text for path, text in texts.items() if not (folder / path).exists()}
    for path, text in missing.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return list(missing)


def add_system(folder: Path, name: str) -> Path:
    """Copy the file of a system that comes with mdllm into a project that has none of this name; its path."""
    path = Path("config") / "systems" / f"{name}.yaml"
    if not (folder / path).exists():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FILES / path, folder / path)
    return path
