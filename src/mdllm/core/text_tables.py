"""Tables as text: aligned columns for a terminal, and Markdown."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[object]], rule: bool = False) -> list[str]:
    """One line per row, columns as wide as their widest cell; with `rule`, a line of dashes under the first row."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]] if rule else lines


def markdown_row(cells: Sequence[str]) -> str:
    """One row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"
