"""What a backbone alone shows of motion: fluctuation, torsions, secondary structure, contacts, correlation.

Of generated ensembles nothing but N, CA, C, O exists. All of this is a function of sums over frames, kept apart by
clusters of frames, so that errors leave out one cluster at a time.

Axes: F frames, L residues, K clusters.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mdllm.analysis.dynamics.motion import correlation_of, rmsf_of, superposition
from mdllm.analysis.dynamics.properties import ANGLE_BINS, DSSP_CLASSES
from mdllm.analysis.dynamics.shapes import angle_bins, dssp, torsions
from mdllm.core.geometry import CA, C, N

_CHUNK = 100
_APART = 3  # residues of a chain between which a contact counts
# Engh and Huber, International Tables for Crystallography F (2001), 18.3: CA-CB 0.153 nm, N-CA-CB and C-CA-CB 110.4,
# N-CA-C 111 degrees.
_CA_CB_NM = 0.153
_OUT_OF_PLANE = np.arccos(-np.cos(np.deg2rad(110.4)) / np.cos(np.deg2rad(111 / 2)))


class Chain(NamedTuple):
    """The residues: names (L,), whether bound to the next (L - 1,), number of the chain (L,)."""

    resnames: np.ndarray
    bonded: np.ndarray
    chain: np.ndarray


class Sums(NamedTuple):
    """Sums over the frames of each cluster: of ones (K,), positions of CA (K, L, 3) and their products (K, L, L),
    residues in each bin of phi and psi (K, L, 12) and class of DSSP (K, L, 8), pairs in contact (K, L, L)."""

    count: np.ndarray
    place: np.ndarray
    product: np.ndarray
    phi: np.ndarray
    psi: np.ndarray
    dssp: np.ndarray
    contacts: np.ndarray

    def total(self) -> "Sums":
        """Over all clusters, without the first axis."""
        return Sums(*(part.sum(0) for part in self))


def sums_of(backbone: np.ndarray, cluster: np.ndarray, chain: Chain, contact_nm: float) -> Sums:
    """Sums of backbones (F, L, 4, 3) in nm, superposed on their own mean, by clusters (F,) numbered from 0.

    Torsions at ends and breaks of a chain are in no bin.
    """
    ca = backbone[:, :, CA]
    rotation, translation = superposition(ca, "mean")
    ca = ca @ rotation + translation[:, None]
    ca -= ca.mean(0)
    own = [cluster == number for number in range(cluster.max() + 1)]
    phi, psi = torsions(backbone, chain.bonded)
    contacts = np.zeros((len(own), *ca.shape[1:2] * 2))
    for start in range(0, len(backbone), _CHUNK):
        part = slice(start, start + _CHUNK)
        near = in_contact(backbone[part], contact_nm)
        for number in np.unique(cluster[part]):
            contacts[number] += near[cluster[part] == number].sum(0)
    classes = dssp(backbone, chain.resnames, chain.chain)
    return Sums(
        count=np.bincount(cluster).astype(float),
        place=np.stack([ca[rows].sum(0) for rows in own]),
        product=np.stack([np.einsum("fid,fjd->ij", ca[rows], ca[rows], optimize=True) for rows in own]),
        phi=_counted(angle_bins(phi), ANGLE_BINS, own),
        psi=_counted(angle_bins(psi), ANGLE_BINS, own),
        dssp=_counted(classes, len(DSSP_CLASSES), own),
        contacts=contacts,
    )


def virtual_cb(backbone: np.ndarray) -> np.ndarray:
    """CB (F, L, 3) of backbones (F, L, >=3, 3), of glycine as well, by ideal geometry."""
    to_ca, to_c = backbone[:, :, CA] - backbone[:, :, N], backbone[:, :, C] - backbone[:, :, CA]
    to_ca, to_c = to_ca.astype(np.float64), to_c.astype(np.float64)
    normal = np.cross(to_ca, to_c)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    middle = to_ca / np.linalg.norm(to_ca, axis=-1, keepdims=True)
    middle -= to_c / np.linalg.norm(to_c, axis=-1, keepdims=True)
    middle /= np.linalg.norm(middle, axis=-1, keepdims=True)
    return backbone[:, :, CA] + _CA_CB_NM * (np.cos(_OUT_OF_PLANE) * middle - np.sin(_OUT_OF_PLANE) * normal)


def in_contact(backbone: np.ndarray, contact_nm: float) -> np.ndarray:
    """Whether CB of two residues are near (F, L, L)."""
    cb = virtual_cb(backbone)
    square = (cb**2).sum(-1)
    return square[:, :, None] + square[:, None] - 2 * cb @ cb.transpose(0, 2, 1) < contact_nm**2


def far_in_sequence(chain: np.ndarray) -> np.ndarray:
    """(L, L) upper half, without residues nearer than three along a chain (L,)."""
    index = np.arange(len(chain))
    apart = (index[None] - index[:, None] >= _APART) | (chain[:, None] != chain[None])
    return apart & np.triu(np.ones_like(apart), 1)


def _shares(values: Callable[[Sums], np.ndarray]) -> Callable[[Sums], np.ndarray]:
    def shares(sums: Sums) -> np.ndarray:
        counted = values(sums) / sums.count
        return np.where(counted.sum(-1, keepdims=True) > 0, counted, np.nan)

    return shares


# What a backbone shows, from sums without the axis of clusters.
PROFILES: dict[str, Callable[[Sums], np.ndarray]] = {
    "rmsf_nm": lambda sums: rmsf_of(sums.count, sums.place, np.diag(sums.product)),  # (L,)
    "phi": _shares(lambda sums: sums.phi),  # (L, 12)
    "psi": _shares(lambda sums: sums.psi),
    "dssp": _shares(lambda sums: sums.dssp),  # (L, 8)
    "contacts": lambda sums: sums.contacts / sums.count,  # (L, L)
    "correlation": lambda sums: correlation_of(sums.count, sums.place, sums.product),
}


def _counted(classes: np.ndarray, number: int, own: list[np.ndarray]) -> np.ndarray:
    """Frames in each class (K, L, number) of classes (F, L); a class of -1 is none."""
    each = [[(classes[rows] == value).sum(0) for value in range(number)] for rows in own]
    return np.array(each, float).transpose(0, 2, 1)
