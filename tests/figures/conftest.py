"""The figures of one analysed run, drawn once."""

from pathlib import Path

import pytest

from analysis.synthetic import analyze_run
from figures.artists import Pictures, draw_into
from mdllm.figures.draw import draw_all
from mdllm.figures.tables import FigureInputs


@pytest.fixture(scope="session")
def figure_inputs(tmp_path_factory, trp_cage_prepared) -> FigureInputs:
    folder = tmp_path_factory.mktemp("figures")
    output = analyze_run(folder, trp_cage_prepared)
    return FigureInputs(
        **{key: output / "analysis" / f"{key}.csv" for key in ("references", "quality", "discovery")},
        cvs=output / "analysis" / "cvs.parquet",
        description=output / "analysis" / "description.json",
        fidelity_table=folder / "fidelity.csv",
        training_log=folder / "training_log.csv",
        summary=output / "summary.json",
    )


@pytest.fixture(scope="session")
def pictures(tmp_path_factory, figure_inputs) -> Pictures:
    """Every figure."""
    return draw_into(tmp_path_factory.mktemp("drawn"), draw_all, figure_inputs)


@pytest.fixture(scope="session")
def drawn(pictures) -> Path:
    """Folder with every figure."""
    return pictures.folder
