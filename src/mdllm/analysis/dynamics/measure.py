"""All 50 residue and 13 pair properties of an ensemble with all atoms, with errors.

Axes: F frames, A atoms, L residues, K clusters of frames.
"""

import logging
from dataclasses import dataclass

import numpy as np

from mdllm.analysis.dynamics.contacts import ContactFinder
from mdllm.analysis.dynamics.molecule import Molecule
from mdllm.analysis.dynamics.motion import measure_motion, superposition
from mdllm.analysis.dynamics.normal_modes import anisotropic_network, gaussian_network
from mdllm.analysis.dynamics.properties import (
    ANGLE_BINS,
    CONTACTS,
    DSSP_CLASSES,
    PAIR_PROPERTIES,
    RESIDUE_PROPERTIES,
    Property,
    columns,
)
from mdllm.analysis.dynamics.shapes import angle_bins, chi1, dssp, surface, torsions
from mdllm.analysis.dynamics.statistics import cluster_sums, jackknife
from mdllm.config.settings.dynamics import PropertySettings
from mdllm.core.errors import InputError
from mdllm.core.geometry import CA

logger = logging.getLogger(__name__)
_CHUNK = 50


@dataclass(frozen=True)
class Properties:
    """Properties of an ensemble; NaN where one is not defined or was not measured.

    Attributes:
        residue, residue_error: (L, 50), columns as in RESIDUE_PROPERTIES, and their standard errors.
        pair, pair_error: (L, L, 13), as in PAIR_PROPERTIES; symmetric. A contact is the share of frames in which two
            residues have it, however many pairs of atoms make it.
        atom_pairs: (L, L, 9), as in CONTACTS: pairs of atoms in contact, mean of all frames, which SeqDance calls
            frequencies; symmetric. Its training values are the cube roots.
        frames, clusters: how many.
    """

    residue: np.ndarray
    residue_error: np.ndarray
    pair: np.ndarray
    pair_error: np.ndarray
    atom_pairs: np.ndarray
    frames: int
    clusters: int


def measure_properties(
    molecule: Molecule,
    points: np.ndarray,
    cluster: np.ndarray | None = None,
    settings: PropertySettings | None = None,
) -> Properties:
    """Measure all properties of frames (F, A, 3) in nm, molecules whole.

    Args:
        cluster: (F,) number of the block or replica of each frame, for errors; None: no errors.
        settings: None: the defaults. As SeqDance has it: superposition "first", sasa_frames None.

    Without hydrogens there are no hydrogen bonds and no surface: a warning says so, and they are NaN. One frame has no
    fluctuation, and a network that falls apart no modes: NaN, with a warning. Modes are those of the first frame.

    Raises:
        InputError: there is no frame, or coordinates are not finite; frame and atom are named.
    """
    settings = settings or PropertySettings()
    cluster = np.zeros(len(points), int) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    _check(molecule, points)
    backbone = points[:, molecule.backbone]
    rotation, translation = superposition(backbone[:, :, CA], settings.superposition)
    motion = measure_motion(backbone[:, :, CA] @ rotation + translation[:, None], cluster)
    phi, psi = torsions(backbone, molecule.bonded)
    contacts, contact_errors, atom_pairs = _contacts(molecule, points, cluster, settings)
    of_residues = {
        "rmsf": (motion.rmsf_nm[:, None], motion.rmsf_error_nm[:, None]),
        "dssp": shares(dssp(backbone, molecule.resnames, molecule.chain), len(DSSP_CLASSES), cluster),
        **{
            name: shares(angle_bins(angle), ANGLE_BINS, cluster)
            for name, angle in (("chi1", chi1(molecule, points)), ("phi", phi), ("psi", psi))
        },
    }
    of_pairs = {
        "contacts": (contacts, contact_errors),
        "correlation": (motion.correlation[..., None], motion.correlation_error[..., None]),
    }
    if molecule.has_all_hydrogens:
        chosen = _spread(len(points), settings.sasa_frames)
        turned = points[chosen] @ rotation[chosen] + translation[chosen, None]
        of_residues["sasa"] = _surface(molecule, turned, cluster[chosen])
    try:
        gaussian, anisotropic = gaussian_network(backbone[0, :, CA]), anisotropic_network(backbone[0, :, CA])
        of_residues["gnm"] = (np.stack([gaussian.msf(band) for band in gaussian.bands()], -1), np.nan)
        of_pairs["anm"] = (np.stack([anisotropic.correlation(band) for band in anisotropic.bands()], -1), np.nan)
    except InputError as error:
        logger.warning("normal modes are left out: %s", error)
    size = len(molecule)
    return Properties(
        *_columns(RESIDUE_PROPERTIES, of_residues, (size,)),
        *_columns(PAIR_PROPERTIES, of_pairs, (size, size)),
        atom_pairs,
        frames=len(points),
        clusters=int(cluster.max()) + 1,
    )


def _columns(properties: tuple[Property, ...], groups: dict, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Values and errors (*shape, number of properties) of groups; NaN where one was not measured."""
    value, error = (np.full((*shape, len(properties)), np.nan) for _ in range(2))
    for group, measured in groups.items():
        place = columns(properties, group)
        value[..., place], error[..., place] = measured
    return value, error


def shares(classes: np.ndarray, number: int, cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of frames (L, number) in each class, and its error, of classes (F, L); NaN of residues with a -1."""
    in_class = (classes[..., None] == np.arange(number)).astype(np.float64)
    in_class[:, (classes < 0).any(0)] = np.nan
    count = np.bincount(cluster).astype(float)
    return jackknife(lambda frames, found: found / frames, count, cluster_sums(in_class, cluster))


def _check(molecule: Molecule, points: np.ndarray) -> None:
    if not len(points):
        raise InputError("there is no frame to measure; give at least one")
    lost = np.argwhere(~np.isfinite(points).all(-1))
    if len(lost):
        frame, atom = lost[0]
        name = f"{molecule.names[atom]} of {molecule.labels[molecule.residue[atom]]}"
        raise InputError(f"frame {frame}: coordinates of {name} are not finite; leave damaged frames out")
    if len(points) == 1:
        logger.warning("one frame has no fluctuation: RMSF, correlation and the spread of the surface are left out")
    advice = "add them, for example with PDBFixer"
    if not molecule.has_polar_hydrogens:
        logger.warning("nitrogens have no hydrogens: surface and hydrogen bonds are left out; %s", advice)
    elif not molecule.has_all_hydrogens:
        logger.warning("carbons have no hydrogens: the surface is left out; %s", advice)


def _spread(frames: int, most: int | None) -> np.ndarray:
    if most is None or frames <= most:
        return np.arange(frames)
    return np.linspace(0, frames - 1, most).round().astype(int)


def _surface(molecule: Molecule, points: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (L, 2) in nm2, and their errors."""

    def statistic(count: np.ndarray, total: np.ndarray, square: np.ndarray) -> np.ndarray:
        mean = total / count
        return np.stack([mean, np.sqrt(np.maximum(square / count - mean**2, 0))], axis=-1)

    area = surface(molecule, points.astype(np.float32)).astype(np.float64)
    cluster = np.unique(cluster, return_inverse=True)[1]
    count = np.bincount(cluster).astype(float)[:, None]
    value, error = jackknife(statistic, count, cluster_sums(area, cluster), cluster_sums(area**2, cluster))
    if len(points) == 1:
        value[:, 1] = np.nan
    return value, error


def _contacts(
    molecule: Molecule, points: np.ndarray, cluster: np.ndarray, settings: PropertySettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of frames, their errors and atom pairs per frame, (L, L, 9) each."""
    finder, shape = ContactFinder.of(molecule, settings.contacts), (len(molecule), len(molecule), len(CONTACTS))
    found = []
    for start in range(0, len(points), _CHUNK):
        rows = finder.find(points[start : start + _CHUNK])
        place = np.ravel_multi_index((rows.first, rows.second, rows.kind), shape)
        keys, pairs = np.unique(rows.frame * np.prod(shape) + place, return_counts=True)
        frame, place = np.divmod(keys, np.prod(shape))
        found.append((cluster[start + frame], place, pairs))
    of_cluster, place, pairs = map(np.concatenate, zip(*found, strict=True))
    places, which = np.unique(place, return_inverse=True)
    count = np.bincount(cluster).astype(float)
    number, bins = of_cluster * len(places) + which, len(count) * len(places)
    frames = np.bincount(number, minlength=bins).reshape(len(count), -1)
    share, error = jackknife(lambda all_frames, own: own / all_frames, count, frames)
    atom_pairs = np.bincount(which, pairs, len(places)) / len(points)
    without_error = np.nan if len(count) < 2 else 0.0
    result = [
        _symmetric(places, values, shape, elsewhere)
        for values, elsewhere in ((share, 0.0), (error, without_error), (atom_pairs, 0.0))
    ]
    if not molecule.has_polar_hydrogens:
        for dense in result:
            dense[..., [CONTACTS.index(name) for name in ("hbbb", "hbsb", "hbss")]] = np.nan
    return tuple(result)


def _symmetric(places: np.ndarray, values: np.ndarray, shape: tuple[int, ...], elsewhere: float) -> np.ndarray:
    """(L, L, M) with values at flat places of its upper half and mirrored, and one value elsewhere."""
    dense = np.full(shape, elsewhere)
    first, second, kind = np.unravel_index(places, shape)
    dense[first, second, kind] = dense[second, first, kind] = values
    return dense
