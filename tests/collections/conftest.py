"""A folder of structures, and a collection made of it."""

import pytest

from collector import Collector, lines_of


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
