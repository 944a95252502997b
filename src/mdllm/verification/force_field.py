"""Residues that a force field does not know, named before anything is simulated."""

import tempfile
from pathlib import Path

from openmm import app

from mdllm.config.settings.verification import VerificationSettings
from mdllm.core.errors import InputError
from mdllm.simulation.platform import open_device
from mdllm.simulation.solute import build_solute
from mdllm.verification.rebuild import Rebuilt


def check_residues(built: Rebuilt, settings: VerificationSettings) -> None:
    """Complete one training frame with hydrogens, and look for a template of each residue.

    Raises:
        InputError: residues without a template, or that the completion has dropped, are named.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training_frame.pdb"
        built.write(path)
        source = settings.simulation(path, 0)
        device = open_device(settings.platform, 1)
        solute = build_solute(path, source.structure, ph=settings.ph, device=device, seed=0)
    try:
        force_field = app.ForceField(*settings.solvent.force_field)
    except ValueError as error:
        raise InputError(f"verification.solvent.force_field: {error}") from error
    try:
        force_field.createSystem(solute.topology)
    except ValueError as error:
        # Ends that a force field makes by patches are among those without a template, so OpenMM's words go along.
        unmatched = [f"{r.name} {r.id}" for r in force_field.getUnmatchedResidues(solute.topology)]
        raise InputError(
            f"verification.solvent.force_field: {', '.join(settings.solvent.force_field)} does not know "
            f"{', '.join(unmatched)} ({error}); add a file that does, leave them out by `selection`, or set "
            "verification.proposals: 0"
        ) from error
    kept, given = solute.topology.getNumResidues(), len({row[:2] for row in built.rows})
    if kept != given:
        raise InputError(f"{given - kept} of {given} residues cannot be completed with atoms for a simulation")
