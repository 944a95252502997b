"""Draw every figure of kinetics of one system, all variants over the reference."""

from collections.abc import Callable, Mapping
from pathlib import Path

from mdllm.figures.kinetics import chapman_kolmogorov, free_energy, mfpt, table, timescales, transitions
from mdllm.figures.kinetics.data import Kinetics, load

FIGURES: dict[str, Callable[[Kinetics, Path], None]] = {
    "free_energy": free_energy.draw,
    "timescales": timescales.draw,
    "mfpt": mfpt.draw,
    "mfpt_lag": mfpt.draw_against_lag,
    "transitions": transitions.draw,
    "chapman_kolmogorov": chapman_kolmogorov.draw,
}


def draw_kinetics(folders: Mapping[str, Path], output: Path) -> None:
    """Write each of FIGURES into `output` as PDF, PNG and CSV, and `mfpt_table.csv` and `.md`.

    Args:
        folders: variant -> its results, the folder that holds `kinetics/`.
    """
    kinetics = load(folders)
    output.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        draw(kinetics, output / name)
    table.write(kinetics, output / "mfpt_table")
