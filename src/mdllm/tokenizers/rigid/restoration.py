"""Peptide bonds restored after decoding: rigid residues moved a little until neighbours fit each other.

Poses are quantized one by one, so that a peptide bond comes out of the decoder up to a few hundredths of a nm too long
or too short. Four distances per peptide unit (C-N, CA-N, C-CA, CA-CA) are pulled into the range of the training
frames, in the manner of position-based dynamics: Müller et al., J. Vis. Commun. Image Represent. 18, 109 (2007). The
residues stay rigid, so bonds, angles and chirality inside them are exact.
"""

import numpy as np

from mdllm.core.geometry import CA, C, N
from mdllm.tokenizers.rigid.poses import atoms_of, best_rotation, dot, rotate

# The pairs of atoms, one of residue i and one of i+1, whose four distances fix a peptide unit.
PEPTIDE_PAIRS = ((C, N), (CA, N), (C, CA), (CA, CA))
_ROUNDS = 5
# Share of a distance's error that each of its two atoms takes per round, were their residues equally trusted.
_STEP = 0.3
# A distance within so many standard deviations of its training mean is left alone.
_TOLERANCE = 2.0
# A residue with no trust moves at most so many times farther than a fully trusted one.
_MOBILITY = 4.0
# Frames that are restored together: few enough for the processor's cache.
_BLOCK = 16


def restore_peptides(rotation, origin, trust, local: np.ndarray, peptide: np.ndarray) -> np.ndarray:
    """Atoms (L, 3, 3, F) of poses (L, 3, 3, F), (L, 3, F) with trust (L, F), after restoration.

    Args:
        local: N, CA, C (L, 3, 3) of each residue in its own frame, nm.
        peptide: what `peptide_lengths` gives of the training frames; the width is infinite where there is no bond.
    """
    frames = origin.shape[-1]
    atoms = np.empty((len(origin), 3, 3, frames))
    for start in range(0, frames, _BLOCK):
        block = slice(start, start + _BLOCK)
        atoms[..., block] = _restore(rotation[..., block], origin[..., block], trust[..., block], local, peptide)
    return atoms


def _restore(rotation, origin, trust, local, peptide) -> np.ndarray:
    """The same for one block of frames."""
    centre = local.mean(1)
    inner = local - centre[:, None]
    mobility = 1.0 / (trust + 1.0 / _MOBILITY)
    share = mobility[:-1] / (mobility[:-1] + mobility[1:])
    atoms = atoms_of(rotation, origin, local)
    for _ in range(_ROUNDS):
        shift = np.zeros_like(atoms)
        for pair, (before, after) in enumerate(PEPTIDE_PAIRS):
            mean, width = peptide[:, pair].T[..., None]
            bond = atoms[1:, after] - atoms[:-1, before]
            length = np.sqrt(dot(bond, bond))
            target = np.clip(length, mean - _TOLERANCE * width, mean + _TOLERANCE * width)
            error = (2.0 * _STEP * (1.0 - target / np.maximum(length, 1e-6)))[:, None] * bond
            shift[:-1, before] += share[:, None] * error
            shift[1:, after] -= (1.0 - share)[:, None] * error
        atoms += shift
        # Back to rigid residues: the best fit of the mean N, CA, C to the moved ones.
        middle = (atoms[:, N] + atoms[:, CA] + atoms[:, C]) / 3.0
        correlation = sum((atoms[:, atom] - middle)[:, :, None] * inner[:, atom, None, :, None] for atom in (N, CA, C))
        turned = best_rotation(correlation)
        atoms = atoms_of(turned, middle - rotate(turned, centre[..., None]), local)
    return atoms


def peptide_lengths(backbone: np.ndarray) -> np.ndarray:
    """Mean and standard deviation (L-1, 4, 2) of PEPTIDE_PAIRS' distances in backbones (F, L, 3, 3), nm."""
    steps = [backbone[:, 1:, after] - backbone[:, :-1, before] for before, after in PEPTIDE_PAIRS]
    lengths = np.linalg.norm(steps, axis=-1)
    return np.stack([lengths.mean(1).T, lengths.std(1).T], axis=-1)
