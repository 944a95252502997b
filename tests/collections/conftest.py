"""A folder of structures, and a collection made of it."""

from pathlib import Path

import pytest

from mdllm.collections.collect import collect
from mdllm.collections.reader import Collection
from mdllm.config.settings.collection import CollectionSettings


class Collector:
    """Makes collections in a folder of its own.

    Attributes:
        structures: a folder to fill, which the source `files` reads.
        counts: what the last run returned.
    """

    def __init__(self, folder: Path):
        self.folder, self.structures, self.counts = folder, folder / "structures", {}
        self.structures.mkdir()

    def files(self, **changes) -> dict:
        """The source of all structures; NAME.pdb or NAME_CONFORMER.pdb."""
        return {
            "type": "files",
            "folder": str(self.structures),
            "members": "*.pdb",
            "protein": r"^(?P<protein>[^_.]+)(_(?P<conformer>\w+))?\.",
            **changes,
        }

    def put(self, name: str, lines: list[str]) -> Path:
        path = self.structures / name
        path.write_text("".join(lines))
        return path

    def run(self, *sources: dict, systems=None, evaluations=None, **changes) -> Collection:
        content = {"description": "x", "sources": list(sources) or [self.files()], "validation_share": 0, **changes}
        output = self.folder / "output"
        output.mkdir(exist_ok=True)
        self.counts = collect(
            CollectionSettings.model_validate(content),
            systems=systems or {},
            evaluations=evaluations or {},
            cache=self.folder / "cache",
            work_folder=self.folder / "work",
            output=output,
        )
        return Collection(output)


@pytest.fixture
def collector(tmp_path, monkeypatch) -> Collector:
    """Sequences are aligned here, whatever is installed: mmseqs2 takes seconds to start."""
    monkeypatch.setattr("mdllm.collections.similarity.shutil.which", lambda name: None)
    return Collector(tmp_path)


@pytest.fixture(scope="session")
def t4l(structures) -> list[str]:
    """Lines of 3DMV without ligands and water: 164 residues of chain A, some with alternate locations."""
    return lines_of(structures / "3dmv.pdb")


@pytest.fixture(scope="session")
def trp_cage(structures) -> list[str]:
    """Lines of the first model of 1L2Y: 20 residues."""
    lines = lines_of(structures / "1l2y.pdb")
    return lines[: len(lines) // 38]


def lines_of(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines(keepends=True) if line.startswith("ATOM")]
