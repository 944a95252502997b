"""Forces by OpenMM's own kernels are those of the force field."""

import copy
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app, unit

from mdllm.config.settings.simulation import SimulationSource, StartStructure
from mdllm.simulation.kernels import use_kernels
from mdllm.simulation.platform import open_device
from mdllm.simulation.solute import build_solute
from mdllm.simulation.system import assign_forces

pytestmark = pytest.mark.slow
OBC2, GBN2 = (["charmm36.xml", f"implicit/{model}.xml"] for model in ("obc2", "gbn2"))


@pytest.fixture(scope="module")
def trp_cage(structures):
    start = StartStructure(file=str(structures / "1l2y.pdb"))
    return build_solute(Path(start.file), start, ph=7, device=open_device("CPU", 1), seed=0)


@pytest.fixture(scope="module")
def as_written(trp_cage):
    """The system of CHARMM36 and OBC2 as OpenMM makes it."""
    return app.ForceField(*OBC2).createSystem(trp_cage.topology, constraints=app.HBonds)


def names(system) -> set[str]:
    return {force.getName() for force in system.getForces()}


def state(system, positions) -> tuple[float, np.ndarray]:
    """Energy in kJ/mol, and forces (A, 3) in kJ/mol/nm."""
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    found = context.getState(energy=True, forces=True)
    return found.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole), found.getForces(asNumpy=True)._value


def by_workflow(trp_cage, force_field) -> openmm.System:
    source = SimulationSource(
        type="simulation",
        structure={"file": "1l2y.pdb"},
        solvent={"type": "implicit", "force_field": force_field},
        production_ps=10,
    )
    return assign_forces(trp_cage.topology, source)


def test_the_same_energy_and_forces_by_kernels(trp_cage, as_written):
    system = by_workflow(trp_cage, OBC2)
    assert {"LennardJones", "CustomGBForce"} <= names(as_written)
    assert names(system) == names(as_written) - {"LennardJones", "CustomGBForce"} | {"GBSAOBCForce"}
    (energy, forces), (written, written_forces) = (state(one, trp_cage.positions) for one in (system, as_written))
    assert energy == pytest.approx(written, rel=1e-5)  # the constants of Coulomb's law differ by 2e-7
    np.testing.assert_allclose(forces, written_forces, rtol=1e-4, atol=0.05)


def test_another_model_of_the_solvent_stays_as_it_is_written(trp_cage):
    system = by_workflow(trp_cage, GBN2)
    assert "CustomGBForce" in names(system)
    assert not {"GBSAOBCForce", "LennardJones"} & names(system)
    written = app.ForceField(*GBN2).createSystem(trp_cage.topology, constraints=app.HBonds)
    assert state(system, trp_cage.positions)[0] == pytest.approx(state(written, trp_cage.positions)[0], rel=1e-6)


def lennard_jones(system) -> openmm.CustomNonbondedForce:
    return next(force for force in system.getForces() if force.getName() == "LennardJones")


def pair_of_its_own(system) -> None:
    """That of the least repulsion."""
    function = lennard_jones(system).getTabulatedFunction(0)
    rows, columns, values = function.getFunctionParameters()
    values = np.reshape(values, (rows, columns))
    apart = np.where((values > 0) & ~np.eye(rows, dtype=bool), values, np.inf)
    one, other = np.unravel_index(apart.argmin(), apart.shape)
    values[one, other] = values[other, one] = 1.1 * values[one, other]
    function.setFunctionParameters(rows, columns, values.ravel())


def fewer_exclusions(system) -> None:
    lennard_jones(system).setExclusionParticles(0, 0, system.getNumParticles() - 1)


def other_expression(system) -> None:
    lennard_jones(system).setEnergyFunction("acoef(type1, type2)/r^9 - bcoef(type1, type2)/r^6;")


@pytest.mark.parametrize("change", [pair_of_its_own, fewer_exclusions, other_expression])
def test_what_no_kernel_computes_stays(as_written, change):
    system = copy.deepcopy(as_written)
    change(system)
    use_kernels(system)
    assert "LennardJones" in names(system)


def test_another_surface_term_stays(as_written):
    system = copy.deepcopy(as_written)
    born = next(force for force in system.getForces() if force.getName() == "CustomGBForce")
    expression, kind = born.getEnergyTermParameters(1)
    born.setEnergyTermParameters(1, f"2*({expression.split(';')[0]});{expression.partition(';')[2]}", kind)
    use_kernels(system)
    assert {"CustomGBForce", "GBSAOBCForce"} & names(system) == {"CustomGBForce"}
