"""Chosen atoms and collective variables of raw frames, and what is refused."""

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.observables.settings import CoordinateCV, DistanceCV, TorsionCV
from mdllm.prepare.run import prepare
from mdllm.sources.acquire import acquire
from mdllm.sources.files import FilesSource
from project import ROOT

STRUCTURE = ROOT / "config" / "structures" / "alanine_dipeptide.pdb"
VARIABLES = {"psi": TorsionCV(type="psi", residue=2), "d": DistanceCV(type="distance", a="index 0", b="index 9")}


@pytest.fixture
def raw(tmp_path):
    """Two trajectories of 3 frames; `change` may spoil the positions (F, A, 3) in ångström before they are written."""

    def write(change=lambda positions: None, ending: str = "xtc") -> dict:
        start = mda.Universe(str(STRUCTURE)).atoms.positions
        paths = []
        for number in range(2):
            positions = start + np.random.default_rng(number).normal(0, 0.05, (3, *start.shape))
            change(positions)
            universe = mda.Universe(str(STRUCTURE))
            path = tmp_path / f"{number}.{ending}"
            with mda.Writer(str(path), len(universe.atoms)) as writer:
                for frame, points in enumerate(positions):
                    universe.atoms.positions = points
                    universe.trajectory.ts.time = 0.5 * (frame + 1)
                    writer.write(universe.atoms)
            paths.append(str(path))
        return acquire(FilesSource(type="files", topology=str(STRUCTURE), trajectories=paths), tmp_path)

    return write


def run(sources, folder, atoms="not name H*", variables=VARIABLES):
    folder.mkdir(exist_ok=True)
    observables = Observables(collective_variables=variables, states={"all": {next(iter(variables)): (-3.2, 3.2)}})
    kept = {"residues": None, "atoms": atoms, "frame_interval_ps": None, "stride": 1}
    return prepare(sources, **kept, observables=observables, output=folder)


@pytest.mark.slow
def test_variables_and_atoms_of_every_frame(raw, tmp_path):
    counts = run(raw(), tmp_path / "out")
    assert counts == {"frames": 6, "segments": 2, "frames_per_state": {"all": 6, "none": 0}, "atoms": 10}
    table = pd.read_parquet(tmp_path / "out" / "frames.parquet")
    assert list(table) == ["frame", "time_ps", "segment", "state", "psi_rad", "d_nm"]
    assert table["segment"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["time_ps"].to_numpy() == pytest.approx([0.5, 1, 1.5] * 2)
    assert np.degrees(table["psi_rad"]).to_numpy() == pytest.approx(80, abs=15)
    kept = mda.Universe(str(tmp_path / "out" / "topology.pdb"), str(tmp_path / "out" / "trajectory.xtc"))
    first = [kept.trajectory[frame].positions[[0, 9]] for frame in range(6)]
    distance = [np.linalg.norm(a - b) / 10 for a, b in first]
    assert distance == pytest.approx(table["d_nm"].to_numpy(), abs=2e-3)


@pytest.mark.slow
def test_a_selection_keeps_what_it_names(raw, tmp_path):
    assert (
        run(raw(), tmp_path / "out", "resid 2", {"d": DistanceCV(type="distance", a="name N", b="name C")})["atoms"]
        == 5
    )


@pytest.mark.parametrize(
    ("atoms", "message"),
    [("name XX", "atoms: 'name XX' matches no atom"), ("nmae CA", "atoms: 'nmae CA' is not valid")],
)
def test_a_wrong_selection_is_named(raw, tmp_path, atoms, message):
    with pytest.raises(InputError, match=message):
        run(raw(), tmp_path / "out", atoms)


def test_coordinates_that_are_not_finite_are_named(raw, tmp_path):
    def spoil(positions):
        positions[2, 4] = np.nan

    with pytest.raises(InputError, match=r"0\.dcd, frame 2: coordinates of atom CA of ALA 2 are not finite"):
        run(raw(spoil, "dcd"), tmp_path / "out")


def test_a_coordinate_belongs_to_a_model_potential(raw, tmp_path):
    with pytest.raises(InputError, match=r"collective_variables.x: type coordinate is no measure of atoms"):
        run(raw(), tmp_path / "out", variables={"x": CoordinateCV(type="coordinate", axis="x")})
