"""Forces of a molecule, looked up once for many starts of it."""

from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app, unit

from mdllm.config.settings.simulation import SimulationSource, StartStructure
from mdllm.core.errors import InputError
from mdllm.simulation.platform import open_device
from mdllm.simulation.solute import build_solute
from mdllm.simulation.system import assign_forces

FORCE_FIELD = ["amber99sbildn.xml", "amber99_obc.xml"]


def source(path, force_field=FORCE_FIELD, **changes):
    solvent = {"type": "implicit", "force_field": force_field}
    return SimulationSource(
        type="simulation", structure={"file": str(path)}, solvent=solvent, production_ps=10, **changes
    )


@pytest.fixture(scope="module")
def alanine(structures):
    start = StartStructure(file=str(structures / "alanine_dipeptide.pdb"))
    return build_solute(Path(start.file), start, ph=7, device=open_device("CPU", 1), seed=0)


def energy(system, file) -> float:
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(file.positions)
    return context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


def test_forces_are_those_of_the_force_field_the_second_time_as_well(alanine, structures):
    chosen = source(structures / "alanine_dipeptide.pdb")
    first, second = (assign_forces(alanine.topology, chosen) for _ in range(2))
    plain = app.ForceField(*FORCE_FIELD).createSystem(alanine.topology, constraints=app.HBonds)
    assert energy(first, alanine) == energy(second, alanine) == pytest.approx(energy(plain, alanine), abs=1e-3)


def test_what_is_done_to_the_forces_of_one_start_is_not_done_to_the_next(alanine, structures):
    chosen = source(structures / "alanine_dipeptide.pdb")
    assign_forces(alanine.topology, chosen).removeForce(0)
    plain = app.ForceField(*FORCE_FIELD).createSystem(alanine.topology, constraints=app.HBonds)
    assert assign_forces(alanine.topology, chosen).getNumForces() == plain.getNumForces()


def test_another_mass_or_another_molecule_has_forces_of_its_own(alanine, structures):
    path = structures / "alanine_dipeptide.pdb"
    heavy, light = (assign_forces(alanine.topology, source(path, hydrogen_mass_da=mass)) for mass in (3.0, 1.5))
    hydrogens = [atom.index for atom in alanine.topology.atoms() if atom.element.symbol == "H"]
    masses = [[system.getParticleMass(at).value_in_unit(unit.dalton) for at in hydrogens] for system in (light, heavy)]
    np.testing.assert_allclose(masses, [[1.5] * len(hydrogens), [3.0] * len(hydrogens)])
    half = app.Modeller(alanine.topology, alanine.positions)
    half.add(alanine.topology, alanine.positions)
    assert assign_forces(half.topology, source(path)).getNumParticles() == 2 * light.getNumParticles()


@pytest.mark.slow
def test_a_molecule_that_fits_two_templates_is_named(alanine, structures):
    chosen = source(structures / "alanine_dipeptide.pdb", force_field=["charmm36.xml", "implicit/obc2.xml"])
    with pytest.raises(InputError, match=r"charmm36\.xml.*templates found for residue.*ALAD, AANM"):
        assign_forces(alanine.topology, chosen)
