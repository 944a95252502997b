"""Quality of every frame: geometry that no state explains, measured alike on MD, model and nulls.

Axes: F frames, L residues. Ideal values: Engh and Huber, International Tables for Crystallography F (2001), 18.3.
MD fluctuates about them, so a value is to be read beside that of the training frames, never alone.

A backbone of N, CA, C, O has neither CB nor HA, so the chirality of CA cannot be seen directly. What is seen is the
share of non-glycine residues with phi > 0: about 5 % in known structures, and most of the residues in a mirror image.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from mdllm.analysis.quality.ramachandran import is_outlier
from mdllm.core.geometry import CA, C, N, angle, backbone_torsions, peptide_bonds
from mdllm.core.trajectories import read_backbone

_BONDS_NM = {"N-CA": 0.1459, "CA-C": 0.1525, "C-N": 0.1336}
_ANGLES_RAD = {"N-CA-C": 1.9373, "CA-C-N": 2.0455, "C-N-CA": 2.1241}
# CA(i)-CA(i+1) across a trans and a cis peptide bond, from the same bonds and angles.
_CA_CA_TRANS_NM, _CA_CA_CIS_NM = 0.3803, 0.2940
# Radii of Bondi, J. Phys. Chem. 68, 441 (1964); an overlap of 0.04 nm is a clash as in MolProbity (Chen et al., Acta
# Cryst. D 66, 12, 2010), which leaves the N...O of a hydrogen bond (0.26 nm and more) alone.
_RADIUS_NM = np.array([0.155, 0.170, 0.170, 0.152])
_OVERLAP_NM = 0.04
_CLASH_SEPARATION = 2


@dataclass(frozen=True)
class Metric:
    """A column of the quality tables.

    Attributes:
        tolerance: how much larger than that of `roundtrip` the model's mean may be; None: described, not judged.
        limit: largest value that any model frame may have.
    """

    unit: str
    meaning: str
    tolerance: float | None = None
    limit: float | None = None


METRICS = {
    "rmsd_to_start_nm": Metric("nm", "RMSD of N, CA, C to the first training frame"),
    "rmsd_to_training_nm": Metric("nm", "RMSD of N, CA, C to the nearest of the spread training frames", limit=0.3),
    "bond_length_deviation_nm": Metric("nm", "root-mean-square deviation of N-CA, CA-C, C-N lengths from ideal", 0.002),
    "bond_angle_deviation_rad": Metric("rad", "the same of the angles N-CA-C, CA-C-N, C-N-CA", 0.02),
    "ca_ca_deviation_nm": Metric("nm", "the same of neighbouring CA-CA, ideal trans or cis by omega", 0.002),
    "omega_deviation_rad": Metric("rad", "root-mean-square deviation of omega from the nearer of 0 and pi", 0.03),
    "clashes_per_residue": Metric("1", "pairs of N, CA, C, O that overlap by 0.04 nm, residues 2 apart or more", 0.02),
    "ramachandran_outlier_share": Metric(
        "1", "share of non-glycine residues outside the contour of known structures", 0.03
    ),
    "cis_share": Metric("1", "share of peptide bonds with |omega| < pi/2", 0.005),
    "positive_phi_share": Metric("1", "share of non-glycine residues with phi > 0"),
}


def geometry_of_frames(backbone: np.ndarray, resnames: np.ndarray, bonded: np.ndarray) -> dict[str, np.ndarray]:
    """Metric -> (F,) of backbones (F, L, 4, 3) in nm; all of METRICS but the RMSDs; NaN without anything to judge.

    Args:
        resnames: (L,) residue names.
        bonded: (L-1,) whether residue i and i+1 are neighbours in one chain.
    """
    phi, psi, omega = (x.astype(np.float64) for x in backbone_torsions(backbone))
    omega = omega[:, 1:][:, bonded]
    phi[:, 1:][:, ~bonded] = np.nan
    psi[:, :-1][:, ~bonded] = np.nan
    chiral = ~np.isin(resnames, ["GLY"]) & np.isfinite(phi[0])
    judged = chiral & np.isfinite(psi[0])
    planar = np.minimum(np.abs(omega), np.pi - np.abs(omega))
    cis = np.abs(omega) < np.pi / 2
    ca = backbone[:, :, CA].astype(np.float64)
    ca_ca = np.linalg.norm(np.diff(ca, axis=1), axis=-1)[:, bonded]
    return {
        "bond_length_deviation_nm": _rms(_bond_deviations(backbone, bonded)),
        "bond_angle_deviation_rad": _rms(_angle_deviations(backbone, bonded)),
        "ca_ca_deviation_nm": _rms(ca_ca - np.where(cis, _CA_CA_CIS_NM, _CA_CA_TRANS_NM)),
        "omega_deviation_rad": _rms(planar),
        "clashes_per_residue": clashes(backbone) / backbone.shape[1],
        "ramachandran_outlier_share": _share(is_outlier(phi, psi)[:, judged]),
        "cis_share": _share(cis),
        "positive_phi_share": _share(phi[:, chiral] > 0),
    }


def clashes(backbone: np.ndarray) -> np.ndarray:
    """Number (F,) of clashing atom pairs of backbones (F, L, 4, 3) in nm.

    All frames are searched in one tree, each shifted along x by more than a molecule's length.
    """
    n_frames, n_residues = backbone.shape[:2]
    points = backbone.reshape(n_frames, -1, 3).astype(np.float64)
    points = points - points.mean(1, keepdims=True)
    spacing = 2 * np.abs(points).max(initial=0) + 1
    points[:, :, 0] += spacing * np.arange(n_frames)[:, None]
    frame, residue, atom = np.unravel_index(np.arange(points[:, :, 0].size), (n_frames, n_residues, len(_RADIUS_NM)))
    flat = points.reshape(-1, 3)
    i, j = cKDTree(flat).query_pairs(2 * _RADIUS_NM.max() - _OVERLAP_NM, output_type="ndarray").T
    near = np.linalg.norm(flat[i] - flat[j], axis=-1) < _RADIUS_NM[atom[i]] + _RADIUS_NM[atom[j]] - _OVERLAP_NM
    apart = np.abs(residue[i] - residue[j]) >= _CLASH_SEPARATION
    return np.bincount(frame[i][near & apart], minlength=n_frames)


def bonded_neighbours(universe) -> np.ndarray:
    """(L-1,) whether residue i+1 is bonded to i, by the C-N distance in the first frame."""
    return peptide_bonds(read_backbone(universe, np.array([0]))[0])


def _bond_deviations(backbone: np.ndarray, bonded: np.ndarray) -> np.ndarray:
    """(F, bonds) length minus ideal, nm."""
    n, ca, c = (backbone[:, :, k].astype(np.float64) for k in (N, CA, C))
    pairs = {"N-CA": (n, ca), "CA-C": (ca, c), "C-N": (c[:, :-1][:, bonded], n[:, 1:][:, bonded])}
    return np.concatenate([np.linalg.norm(a - b, axis=-1) - _BONDS_NM[key] for key, (a, b) in pairs.items()], axis=1)


def _angle_deviations(backbone: np.ndarray, bonded: np.ndarray) -> np.ndarray:
    """(F, angles) angle minus ideal, radian."""
    n, ca, c = (backbone[:, :, k].astype(np.float64) for k in (N, CA, C))
    this, following = (lambda x: x[:, :-1][:, bonded]), (lambda x: x[:, 1:][:, bonded])
    triples = {
        "N-CA-C": (n, ca, c),
        "CA-C-N": (this(ca), this(c), following(n)),
        "C-N-CA": (this(c), following(n), following(ca)),
    }
    return np.concatenate([angle(*points) - _ANGLES_RAD[key] for key, points in triples.items()], axis=1)


def _rms(x: np.ndarray) -> np.ndarray:
    return np.sqrt((x**2).mean(1)) if x.shape[1] else np.full(len(x), np.nan)


def _share(x: np.ndarray) -> np.ndarray:
    return x.mean(1) if x.shape[1] else np.full(len(x), np.nan)
