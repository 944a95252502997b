"""Starts of states in formats of other engines have the forces that have judged them."""

import json
from pathlib import Path

import openmm
import pytest
from openmm import app, unit

from mdllm.config.settings.simulation import StartStructure
from mdllm.core.errors import InputError
from mdllm.simulation.platform import open_device
from mdllm.simulation.solute import build_solute
from mdllm.verification.export import export

pytestmark = pytest.mark.slow
AMBER = ["amber99sbildn.xml", "amber99_obc.xml"]


@pytest.fixture(scope="module")
def trp_cage(structures):
    start = StartStructure(file=str(structures / "1l2y.pdb"))
    return build_solute(Path(start.file), start, ph=7, device=open_device("CPU", 1), seed=0)


def state(trp_cage, folder, force_field):
    """A folder as the stage verify leaves it."""
    made = folder / "verification" / "states" / "new_state_1"
    made.mkdir(parents=True)
    with open(made / "start.pdb", "w") as file:
        app.PDBFile.writeFile(trp_cage.topology, trp_cage.positions, file)
    (folder / "verification" / "verdict.json").write_text(json.dumps({"force_field": force_field}))
    return made


def energy(system, positions) -> float:
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    return context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


def test_amber_and_gromacs_compute_the_energy_of_the_force_field(trp_cage, tmp_path):
    pytest.importorskip("parmed", reason="ParmEd is not installed, which has to be compiled")
    folder = state(trp_cage, tmp_path, AMBER)
    assert [path.name for path in export(folder)] == ["start.prmtop", "start.inpcrd", "start.top", "start.gro"]
    file = app.PDBFile(str(folder / "start.pdb"))
    without_water, with_water = (app.ForceField(*files).createSystem(file.topology) for files in (AMBER[:1], AMBER))
    amber = app.AmberPrmtopFile(str(folder / "start.prmtop"))
    gromacs = app.GromacsTopFile(str(folder / "start.top"))
    expected = energy(without_water, file.positions)
    for system in (amber.createSystem(), gromacs.createSystem()):
        assert energy(system, file.positions) == pytest.approx(expected, rel=1e-3)
    implicit = amber.createSystem(implicitSolvent=app.OBC2)
    assert energy(implicit, file.positions) == pytest.approx(energy(with_water, file.positions), rel=1e-3)
    starts = app.AmberInpcrdFile(str(folder / "start.inpcrd")), app.GromacsGroFile(str(folder / "start.gro"))
    for positions, precision in zip((start.positions for start in starts), (1e-6, 1e-3), strict=True):
        for one, other in zip(positions, file.positions, strict=True):
            assert unit.norm(one - other).value_in_unit(unit.nanometer) < 2 * precision


def test_a_force_field_that_parmed_has_no_place_for(trp_cage, tmp_path):
    pytest.importorskip("parmed", reason="ParmEd is not installed, which has to be compiled")
    folder = state(trp_cage, tmp_path, ["charmm36.xml", "implicit/obc2.xml"])
    with pytest.raises(InputError, match=r"ParmEd cannot write charmm36.*Not supported\. Prepare start.*system\.xml"):
        export(folder)
    assert [path.name for path in folder.iterdir()] == ["start.pdb"]


def test_a_folder_that_is_no_state(tmp_path):
    with pytest.raises(InputError, match=r"start\.pdb.*verdict\.json: not there; name a folder"):
        export(tmp_path / "states" / "model_cluster_1")
