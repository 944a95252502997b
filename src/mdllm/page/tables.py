"""What a page reads of a variant: the tables of figures, and the records of the stages that made them."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from mdllm.core.records import read_json
from mdllm.figures.tables import Tables

_TEXTS = (".csv", ".json")


class PageTables(Tables):
    """The tables of one variant, and its provenance.

    Args:
        paths: of tables, by their name in `mdllm.figures.registry.TABLES`.
        records: of stages, by the stage's name, in order.
        place: the folder of the variant, as a reader of the page names it.
    """

    def __init__(self, paths: Mapping[str, Path], records: Mapping[str, Path], place: str):
        super().__init__(paths)
        self._records, self.place = records, place

    def has(self, name: str) -> bool:
        return name in self._paths

    @cached_property
    def provenance(self) -> dict[str, dict]:
        """The record of each stage."""
        return {stage: read_json(path) for stage, path in self._records.items()}

    def texts(self) -> dict[str, str]:
        """Every table that is a text, as it is, by its name with ending."""
        texts = {name: Path(path) for name, path in self._paths.items() if Path(path).suffix in _TEXTS}
        return {f"{name}{path.suffix}": path.read_text() for name, path in texts.items()}
