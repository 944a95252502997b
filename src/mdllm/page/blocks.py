"""What a section of a page is made of: text, tables, charts. The template knows how each looks."""

import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd


@dataclass(frozen=True)
class Text:
    """Paragraphs, or a list of points."""

    lines: tuple[str, ...]
    points: bool = False
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Table:
    """A table with a caption; numbers are rounded for reading, words stay.

    Attributes:
        folded: closed until the reader opens it.
    """

    frame: pd.DataFrame
    caption: str
    folded: bool = False
    kind: ClassVar[str] = "table"

    @property
    def head(self) -> list[str]:
        return [str(name) for name in self.frame.columns]

    @property
    def rows(self) -> list[list[tuple[str, bool]]]:
        """Cells with whether they are numbers, or shares."""
        return [[(cell(value), is_number(value)) for value in row] for row in self.frame.itertuples(index=False)]


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite chart with what a reader who does not see it needs: a description and its numbers.

    Attributes:
        spec: as JSON.
        description: in a sentence or two.
        caption: under the chart.
        numbers: what it shows.
    """

    spec: dict[str, Any]
    description: str
    caption: str = ""
    numbers: Table | None = None
    kind: ClassVar[str] = "chart"


@dataclass(frozen=True)
class Part:
    """A part of a page with a template of its own.

    Attributes:
        template: its file.
        data: what its script reads, as JSON.
        more: what its template reads.
        attached: texts that its script takes one by one when it needs them.
    """

    template: str
    data: dict[str, Any]
    more: dict[str, Any]
    attached: tuple[str, ...] = ()
    kind: ClassVar[str] = "part"


Block = Text | Table | Chart | Part


def is_number(value: Any) -> bool:
    if isinstance(value, str):
        return bool(re.match(r"[\d.]+ %", value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def cell(value: Any) -> str:
    """A value for people: three to four digits, empty where it is missing."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
