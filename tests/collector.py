"""Collections of a few structures."""

from pathlib import Path

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


def lines_of(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines(keepends=True) if line.startswith("ATOM")]
