"""Frames that are simulated here: molecules with OpenMM, walkers in model potentials."""
