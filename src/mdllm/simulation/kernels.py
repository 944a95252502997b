"""The same forces by OpenMM's own kernels.

CHARMM36 and the files in openmm/app/data/implicit write their forces as expressions, for which a CPU takes ten to a
hundred times as long as for the kernels of `NonbondedForce` and `GBSAOBCForce`. These compute the same where no pair of
atom types has parameters of its own, and where the model of the solvent is OBC2.
"""

import numpy as np
import openmm
from openmm.app.internal.customgbforces import GBSAOBC2Force

_LENNARD_JONES, _BORN = "LennardJones", "CustomGBForce"  # as openmm.app.ForceField calls them
_BY_TYPES = "acoef(type1, type2)/r^12 - bcoef(type1, type2)/r^6;"


def use_kernels(system: openmm.System) -> None:
    """Replace, in a system without cutoff, the forces that a kernel computes as well; others stay as they are."""
    for name, replace in ((_LENNARD_JONES, _lennard_jones), (_BORN, _born)):
        for index, force in enumerate(system.getForces()):
            if force.getName() == name and replace(system, force):
                system.removeForce(index)
                break


def _lennard_jones(system: openmm.System, force: openmm.CustomNonbondedForce) -> bool:
    """Give `NonbondedForce` the parameters of `force`, if these follow Lorentz and Berthelot; whether so."""
    if force.getEnergyFunction() != _BY_TYPES:
        return False
    (charges,) = (other for other in system.getForces() if isinstance(other, openmm.NonbondedForce))
    a, b = (_table(force.getTabulatedFunction(index)) for index in range(2))
    with np.errstate(invalid="ignore", divide="ignore"):
        sigma = np.nan_to_num(np.diag(a) / np.diag(b)) ** (1 / 6)
        epsilon = np.nan_to_num(np.diag(b) ** 2 / np.diag(a) / 4)
    sixth = ((sigma[:, None] + sigma) / 2) ** 6
    both = 4 * np.sqrt(np.outer(epsilon, epsilon)) * sixth
    parted = {frozenset(charges.getExceptionParameters(i)[:2]) for i in range(charges.getNumExceptions())}
    excluded = {frozenset(force.getExclusionParticles(i)) for i in range(force.getNumExclusions())}
    same = all(np.allclose(*pair, rtol=1e-6, atol=0) for pair in ((b, both), (a, both * sixth)))  # a of H-H: 1e-17
    if parted != excluded or not same:
        return False
    for index in range(force.getNumParticles()):
        kind = int(force.getParticleParameters(index)[0])
        charge, *_ = charges.getParticleParameters(index)
        charges.setParticleParameters(index, charge, sigma[kind], epsilon[kind])
    return True


def _table(function: openmm.Discrete2DFunction) -> np.ndarray:
    rows, columns, values = function.getFunctionParameters()
    return np.reshape(values, (rows, columns))


def _born(system: openmm.System, force: openmm.CustomGBForce) -> bool:
    """Add a `GBSAOBCForce`, if `force` is OBC2 with the surface term of ACE; whether so."""
    model = GBSAOBC2Force(SA="ACE")
    if _expressions(force) != _expressions(model):
        return False
    kernel = openmm.GBSAOBCForce()
    for index in range(force.getNumParticles()):
        charge, radius, scaled = force.getParticleParameters(index)
        kernel.addParticle(charge, radius + model.OFFSET, scaled / radius)
    system.addForce(kernel)
    return True


def _expressions(force: openmm.CustomGBForce) -> list[tuple]:
    values = [force.getComputedValueParameters(index) for index in range(force.getNumComputedValues())]
    return values + [force.getEnergyTermParameters(index) for index in range(force.getNumEnergyTerms())]
