"""From a protonated solute to a system that can be integrated: solvent, ions, force field, minimization."""

import copy
import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import openmm
from openmm import app, unit

from mdllm.config.settings.simulation import ExplicitSolvent, SimulationSource
from mdllm.core.errors import InputError
from mdllm.simulation.kernels import use_kernels
from mdllm.simulation.platform import Device, atoms_apart, derive_seed

logger = logging.getLogger(__name__)
BORN_FORCES = (openmm.GBSAOBCForce, openmm.CustomGBForce, openmm.AmoebaGeneralizedKirkwoodForce)


@dataclass(frozen=True)
class Prepared:
    """What is simulated.

    Attributes:
        system: masses, constraints and forces of all A atoms, the solute first.
        solute: topology of the first S atoms, which are saved.
        positions_nm: (A, 3), minimized.
        box_nm: (3, 3) rows are box vectors; None without periodic boundaries.
        energy_kj_mol: potential energy, after minimization.
    """

    system: openmm.System
    solute: app.Topology
    positions_nm: np.ndarray
    box_nm: np.ndarray | None
    energy_kj_mol: float


def build_system(solute: app.Modeller, source: SimulationSource, device: Device) -> Prepared:
    """Solvate, assign the force field, and minimize the energy.

    Bonds to hydrogen are constrained, water is rigid, and hydrogens take mass from the atoms they are bound to
    (Hopkins et al., JCTC 2015, 10.1021/ct5010406), which is what a time step of 4 fs needs.

    Raises:
        InputError: a force field file that does not exist, lacks a residue, or does not fit the solvent; a box that is
            too small for the cutoff; an energy that is not finite.
    """
    whole = app.Modeller(solute.topology, solute.positions)
    if isinstance(source.solvent, ExplicitSolvent):
        force_field = _force_field(tuple(source.solvent.force_field))
        _solvate(whole, force_field, source.solvent, derive_seed(source.seed, 2))
    system = assign_forces(whole.topology, source)
    minimized, energy = _minimize(system, whole.positions, source.minimize_steps, device)
    box = whole.topology.getPeriodicBoxVectors()
    solute.topology.setPeriodicBoxVectors(box)
    return Prepared(
        system,
        solute.topology,
        minimized,
        None if box is None else np.array(box.value_in_unit(unit.nanometer)),
        energy,
    )


def assign_forces(topology: app.Topology, source: SimulationSource) -> openmm.System:
    """Masses, constraints and forces, without thermostat and barostat; looked up once for many starts of one molecule.

    Raises:
        InputError: as `build_system`.
    """
    return copy.deepcopy(_system(_Molecules.of(topology), _Choices.of(source)))


def degrees_of_freedom(system: openmm.System) -> int:
    """3 per atom with mass, less one per constraint, less 3 where the motion of the centre of mass is removed."""
    atoms = sum(system.getParticleMass(i) > 0 * unit.dalton for i in range(system.getNumParticles()))
    still = any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces())
    return 3 * atoms - system.getNumConstraints() - 3 * still


@lru_cache(maxsize=1)
def _force_field(files: tuple[str, ...]) -> app.ForceField:
    """Files take seconds to parse, and many simulations in a row ask for the same ones."""
    try:
        return app.ForceField(*files)
    except ValueError as error:
        raise InputError(
            f"solvent.force_field: {error}; name files that come with OpenMM (openmm/app/data), or paths"
        ) from error


def _solvate(whole: app.Modeller, force_field: app.ForceField, solvent: ExplicitSolvent, seed: int) -> None:
    random.seed(seed)  # which waters become ions
    with _parameters_known(solvent.force_field):
        whole.addSolvent(
            force_field,
            model=solvent.water_geometry,
            padding=solvent.padding_nm * unit.nanometer,
            boxShape=solvent.box_shape,
            ionicStrength=solvent.salt_molar * unit.molar,
        )
    names = [residue.name for residue in whole.topology.residues()]
    shortest = min(np.diag(whole.topology.getPeriodicBoxVectors().value_in_unit(unit.nanometer)))
    logger.info("%d water, %d Na+, %d Cl-, box %.2f nm", *map(names.count, ("HOH", "NA", "CL")), shortest)
    if shortest < 2 * solvent.cutoff_nm:
        raise InputError(
            f"solvent.padding_nm: the box is {shortest:.2f} nm high, less than twice the cutoff "
            f"({solvent.cutoff_nm:g} nm); enlarge padding_nm, or lower cutoff_nm"
        )


@dataclass(frozen=True)
class _Molecules:
    """A topology, equal to any other of the same atoms, bonds and box."""

    atoms: tuple
    bonds: tuple
    box: str
    topology: app.Topology = field(compare=False)

    @classmethod
    def of(cls, topology: app.Topology) -> "_Molecules":
        atoms = tuple((atom.name, atom.residue.name, atom.residue.index) for atom in topology.atoms())
        bonds = tuple((one.index, other.index) for one, other in topology.bonds())
        return cls(atoms, bonds, str(topology.getPeriodicBoxVectors()), topology)


@dataclass(frozen=True)
class _Choices:
    """What of a simulation decides its forces."""

    files: tuple[str, ...]
    cutoff_nm: float | None
    hydrogen_mass_da: float

    @classmethod
    def of(cls, source: SimulationSource) -> "_Choices":
        cutoff = source.solvent.cutoff_nm if isinstance(source.solvent, ExplicitSolvent) else None
        return cls(tuple(source.solvent.force_field), cutoff, source.hydrogen_mass_da)


@lru_cache(maxsize=1)
def _system(molecules: _Molecules, choices: _Choices) -> openmm.System:
    force_field = _force_field(choices.files)
    explicit = choices.cutoff_nm is not None
    method = {"nonbondedMethod": app.NoCutoff}
    if explicit:
        method = {"nonbondedMethod": app.PME, "nonbondedCutoff": choices.cutoff_nm * unit.nanometer}
    with _parameters_known(choices.files):
        system = force_field.createSystem(
            molecules.topology, constraints=app.HBonds, hydrogenMass=choices.hydrogen_mass_da * unit.dalton, **method
        )
    born = any(isinstance(force, BORN_FORCES) for force in system.getForces())
    if born == explicit:
        raise InputError(
            f"solvent.force_field: {', '.join(choices.files)} {'holds an' if born else 'holds no'} implicit solvent "
            f"model, but solvent.type is {'explicit' if explicit else 'implicit'}; "
            + ("leave that file out" if born else "add one, for instance amber99_obc.xml")
        )
    if not explicit:
        use_kernels(system)
    return system


@contextmanager
def _parameters_known(files: Sequence[str]) -> Iterator[None]:
    """Turn OpenMM's complaint about a residue or an atom type without parameters, or with two, into an InputError."""
    try:
        yield
    except Exception as error:
        if type(error) not in (ValueError, KeyError, Exception):  # the last where several templates fit
            raise
        raise InputError(
            f"solvent.force_field: {', '.join(files)} does not cover the system: {error}. Add the file that holds it, "
            "or choose another water_geometry"
        ) from error


def _minimize(system: openmm.System, positions, steps: int, device: Device) -> tuple[np.ndarray, float]:
    """Positions (A, 3) in nm, and the energy in kJ/mol, after at most `steps` steps of L-BFGS."""
    context = device.context(system, openmm.VerletIntegrator(0.001))
    context.setPositions(positions)
    before = _energy(context)
    with atoms_apart("minimization"):
        openmm.LocalEnergyMinimizer.minimize(context, maxIterations=steps)
    after = _energy(context)
    logger.info("energy %.6g -> %.6g kJ/mol in at most %d steps of minimization", before, after, steps)
    if not np.isfinite(after):
        raise InputError(
            f"the energy after minimization is {after} kJ/mol: atoms of the structure lie on each other; "
            "repair the structure, or start from another one"
        )
    return context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer), after


def _energy(context: openmm.Context) -> float:
    return context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
