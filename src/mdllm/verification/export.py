"""The start of a verified state in the formats of AMBER (prmtop, inpcrd) and GROMACS (top, gro), by ParmEd."""

import copy
import importlib.util
import warnings
from pathlib import Path

import openmm
from openmm import app, unit

from mdllm.core.errors import InputError
from mdllm.core.records import read_json
from mdllm.simulation.kernels import use_kernels
from mdllm.simulation.system import BORN_FORCES

COMMANDS = (
    "AMBER: pmemd -O -i production.in -p start.prmtop -c start.inpcrd",
    "GROMACS: gmx grompp -f production.mdp -p start.top -c start.gro -o production.tpr && gmx mdrun -deffnm production",
)


def export(state: Path) -> list[Path]:
    """Write the atoms of a state's `start.pdb` with the force field that has judged it.

    Nothing is constrained, and masses are those of the elements: the engine's own input decides. Solvent is left
    out; the radii of generalized Born are in the prmtop: those of OBC2 that have judged it (`igb=5`), else mbondi3.

    Args:
        state: verification/states/NAME of a run.

    Returns:
        `start.prmtop`, `start.inpcrd`, `start.top`, `start.gro`, in that folder.

    Raises:
        InputError: there is no state, ParmEd is not installed, or it has no place for a term of the force field.
    """
    start, verdict = state / "start.pdb", state.parent.parent / "verdict.json"
    if missing := [str(path) for path in (start, verdict) if not path.is_file()]:
        raise InputError(f"{', '.join(missing)}: not there; name a folder verification/states/NAME of results")
    if importlib.util.find_spec("parmed") is None:
        raise InputError("ParmEd is not installed, which writes these files: pip install 'mdllm[engines]'")
    import parmed

    file, files = app.PDBFile(str(start)), read_json(verdict)["force_field"]
    system = app.ForceField(*files).createSystem(file.topology)
    use_kernels(system)
    born = _without_solvent(system)
    with warnings.catch_warnings():
        warnings.simplefilter("error", parmed.exceptions.OpenMMWarning)
        try:
            structure = parmed.openmm.load_topology(file.topology, system, file.positions)
        except parmed.exceptions.OpenMMWarning as warning:
            reason = str(warning).rstrip(".")
            raise InputError(
                f"ParmEd cannot write {', '.join(files)}: {reason}. Prepare start.pdb with that force field in your "
                "engine, or continue with OpenMM (system.xml, state.xml)"
            ) from warning
    amber = parmed.amber.AmberParm.from_structure(structure)
    parmed.tools.changeRadii(amber, "mbondi3").execute()  # those of GBn2
    if isinstance(born, openmm.GBSAOBCForce):
        for index, atom in enumerate(amber.atoms):
            _, radius, atom.screen = born.getParticleParameters(index)
            atom.solvent_radius = radius.value_in_unit(unit.angstrom)
    written = [state / f"start.{ending}" for ending in ("prmtop", "inpcrd", "top", "gro")]
    for path in written:
        (amber if path.suffix in (".prmtop", ".inpcrd") else structure).save(str(path), overwrite=True)
    return written


def _without_solvent(system: openmm.System) -> openmm.Force | None:
    """Take generalized Born out of a system, for which ParmEd and GROMACS have no place."""
    for index, force in enumerate(system.getForces()):
        if isinstance(force, BORN_FORCES):
            born = copy.deepcopy(force)
            system.removeForce(index)
            return born
    return None
