"""The figures of one analysed run, drawn once."""

from pathlib import Path

import pytest

from figures.artists import Pictures, draw_into
from mdllm.figures.draw import draw
from mdllm.figures.registry import groups

OF_STRUCTURES = [kind.name for kind in groups()["structures"] + groups()["motion"] + groups()["training"]]
OF_SYSTEMS = [kind.name for kind in groups()["variants_structures"]]


def draw_all(tables: dict[str, Path], folder: Path) -> None:
    """Every figure of a variant whose residues are coded, and the comparison of two variants that are alike."""
    draw(OF_STRUCTURES, {"main": tables}, folder)
    draw(OF_SYSTEMS, {"main": tables, "again": tables}, folder)


@pytest.fixture(scope="session")
def table_paths(analyzed_run) -> dict[str, Path]:
    folder, output = analyzed_run, analyzed_run / "output"
    return {
        **{key: output / "analysis" / f"{key}.csv" for key in ("references", "quality", "discovery")},
        "cvs": output / "analysis" / "cvs.parquet",
        "description": output / "analysis" / "description.json",
        **{f"new_{key}": output / "novelty" / f"{key}.csv" for key in ("sources", "shares", "residues")},
        "new_frames": output / "novelty" / "frames.parquet",
        "motion_of_residues": output / "dynamics" / "residues.csv",
        "motion_alike": output / "dynamics" / "agreement.csv",
        "motion_of_pairs": output / "dynamics" / "matrices.npz",
        "fidelity": folder / "fidelity.csv",
        "training_log": folder / "training_log.csv",
        "summary": output / "summary.json",
    }


@pytest.fixture(scope="session")
def pictures(tmp_path_factory, table_paths) -> Pictures:
    """Every figure."""
    return draw_into(tmp_path_factory.mktemp("drawn"), draw_all, table_paths)


@pytest.fixture(scope="session")
def drawn(pictures) -> Path:
    """Folder with every figure."""
    return pictures.folder
