"""Draw every figure of one system and variant from its tables."""

from collections.abc import Callable
from pathlib import Path

from mdllm.figures import discovery, fidelity, loss, plane, quality, time_series
from mdllm.figures.tables import FigureInputs, Tables

FIGURES: dict[str, Callable[[Tables, Path], None]] = {
    "plane": plane.draw,
    "time_series": time_series.draw,
    "loss": loss.draw,
    "fidelity": fidelity.draw,
    "discovery": discovery.draw,
    "quality": quality.draw,
}


def draw_all(inputs: FigureInputs, folder: Path) -> None:
    """Write each of FIGURES into `folder` as PDF, PNG and CSV."""
    tables = Tables(inputs)
    for name, draw in FIGURES.items():
        draw(tables, folder / name)
