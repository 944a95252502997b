"""Nine kinds of contacts between residues, of many frames at once.

| kind | atoms | when |
|---|---|---|
| vdw | heavy atoms | nearer than both radii and 0.05 nm; residues at least 2 apart; not within a disulfide |
| hbbb, hbsb, hbss | donor N or O with hydrogen, acceptor N or O | D-A at most 0.35 nm, angle D-H-A above 110 degrees; \
other residues; N and O by name are backbone, OXT is not |
| hp | carbons of hydrophobic residues, bonded to C and H alone | nearer than 0.39 nm; residues at least 2 apart |
| sb | OD* of ASP, OE* of GLU; NZ of LYS, NH* of ARG, ND1 and NE2 of HIS | at most 0.40 nm |
| pc | the same cations; centroid of a ring | at most 0.60 nm, at most 60 degrees from the normal |
| ps, ts | centroids of two rings | at most 0.70 and 0.50 nm; planes within 30 degrees of parallel, of upright; the \
smaller angle of a normal to the line at most 45 degrees |

Rings are PHE, TYR (CG, CE1, CE2), TRP (CD2, CZ2, CZ3) and HIS (CG, CE1, CD2). Residues are counted along the topology,
and only within a chain are they too near. Disulfides are those of the first frame.

These are the defaults of GetContacts, as SeqDance used them (PNAS 123(4), e2530466123, 2026).

Axes: F frames, A atoms, L residues, P pairs of atoms in contact.
"""

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from mdllm.analysis.dynamics.molecule import Molecule
from mdllm.analysis.dynamics.properties import CONTACTS
from mdllm.config.settings.dynamics import ContactSettings

logger = logging.getLogger(__name__)

_RADIUS_NM = {"C": 0.17, "N": 0.155, "O": 0.152, "S": 0.18}
_VDW_NM, _HYDROPHOBIC_NM, _HYDROGEN_BOND_NM, _SALT_BRIDGE_NM = 0.05, 0.39, 0.35, 0.40
_CATION_PI_NM, _STACKED_NM, _T_SHAPED_NM = 0.60, 0.70, 0.50
_SEARCH_NM = 0.41  # two sulfurs
_COS_HYDROGEN_BOND = np.cos(np.deg2rad(110))
_CATION_PI, _PLANES, _LINE = np.deg2rad([60, 30, 45])
_RINGS = {
    "PHE": ("CG", "CE1", "CE2"),
    "TYR": ("CG", "CE1", "CE2"),
    "TRP": ("CD2", "CZ2", "CZ3"),
    "HIS": ("CG", "CE1", "CD2"),
}
_ANIONS = {"ASP": ("OD1", "OD2"), "GLU": ("OE1", "OE2")}
_CATIONS = {"LYS": ("NZ",), "ARG": ("NH1", "NH2"), "HIS": ("ND1", "NE2")}
_APART = 2  # residues, of vdw and hp


class Rows(NamedTuple):
    """Pairs of atoms in contact: frame (P,), kind (P,) as in CONTACTS, residues first < second (P,)."""

    frame: np.ndarray
    kind: np.ndarray
    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True)
class ContactFinder:
    """The atoms that can make contacts, by role; H heavy atoms, C cations, R rings.

    Attributes:
        heavy: (H,) rows of the molecule; residue, chain, radius_nm and the roles are of these.
        hydrogens: (H, at most 4) rows of the hydrogens of donors, -1 where there are fewer.
        cations, rings: (C,) rows, (R, 3) rows, with the residues of each.
    """

    heavy: np.ndarray
    residue: np.ndarray
    chain: np.ndarray
    radius_nm: np.ndarray
    polar: np.ndarray
    accepts: np.ndarray
    backbone: np.ndarray
    hydrophobic: np.ndarray
    anion: np.ndarray
    cation: np.ndarray
    hydrogens: np.ndarray
    cations: np.ndarray
    cation_residue: np.ndarray
    rings: np.ndarray
    ring_residue: np.ndarray
    disulfide: np.ndarray

    @classmethod
    def of(cls, molecule: Molecule, settings: ContactSettings | None = None) -> "ContactFinder":
        """The roles of a molecule's atoms; residues that lack atoms of a ring have none, with a warning."""
        settings = settings or ContactSettings()
        heavy = np.flatnonzero(molecule.elements != "H")
        names, elements, residue = (x[heavy] for x in (molecule.names, molecule.elements, molecule.residue))
        resnames = molecule.resnames[residue]
        polar, nitrogen = np.isin(elements, ("N", "O")), names == "N"
        hydrogens = _hydrogens(molecule)
        cation = _named(_CATIONS, resnames, names)
        if settings.histidine_charged == "protonated":
            on_nitrogen = cation & (resnames == "HIS") & (hydrogens[heavy, 0] >= 0)
            both = np.bincount(residue[on_nitrogen], minlength=len(molecule)) == 2
            cation &= (resnames != "HIS") | both[residue]
        bare = np.isin(np.arange(len(molecule.elements)), _bonded_to_others(molecule), invert=True)[heavy]
        rings = [molecule.rows(name, *atoms) for name, atoms in _RINGS.items()]
        expected = int(np.isin(molecule.resnames, list(_RINGS)).sum())
        if (found := sum(map(len, rings))) < expected:
            logger.warning("%d of %d rings lack atoms, and make no contacts of rings", expected - found, expected)
        rings = np.concatenate(rings)
        disulfide = np.zeros((len(molecule), len(molecule)), bool)
        disulfide[tuple(molecule.disulfides.T)] = disulfide[tuple(molecule.disulfides.T[::-1])] = True
        return cls(
            heavy=heavy,
            residue=residue,
            chain=molecule.chain[residue],
            radius_nm=np.array([_RADIUS_NM[element] for element in elements]),
            polar=polar,
            accepts=polar & (settings.backbone_nitrogen_accepts | ~nitrogen),
            backbone=np.isin(names, ("N", "O")),
            hydrophobic=(elements == "C") & np.isin(resnames, settings.hydrophobic_residues) & bare,
            anion=_named(_ANIONS, resnames, names),
            cation=cation,
            hydrogens=hydrogens[heavy],
            cations=heavy[cation],
            cation_residue=residue[cation],
            rings=rings,
            ring_residue=molecule.residue[rings[:, 0]],
            disulfide=disulfide,
        )

    def find(self, points: np.ndarray) -> Rows:
        """All contacts of frames (F, A, 3) in nm, molecules whole."""
        frame, a, b, distance = self._near(points)
        first, second = self.residue[a], self.residue[b]
        apart = (self.chain[a] != self.chain[b]) | (np.abs(first - second) >= _APART)
        kinds = {
            "vdw": apart
            & ~self.disulfide[first, second]
            & (distance < self.radius_nm[a] + self.radius_nm[b] + _VDW_NM),
            "hp": apart & self.hydrophobic[a] & self.hydrophobic[b] & (distance < _HYDROPHOBIC_NM),
            "sb": ((self.anion[a] & self.cation[b]) | (self.cation[a] & self.anion[b])) & (distance <= _SALT_BRIDGE_NM),
        }
        parts = [(kind, frame[rows], first[rows], second[rows]) for kind, rows in kinds.items()]
        near = (distance <= _HYDROGEN_BOND_NM) & self.polar[a] & self.polar[b]
        for donor, acceptor in ((a[near], b[near]), (b[near], a[near])):
            parts += self._hydrogen_bonds(points, frame[near], donor, acceptor)
        parts += self._rings(points)
        kind, frame, first, second = zip(*parts, strict=True)
        kind = np.repeat([CONTACTS.index(name) for name in kind], [len(rows) for rows in frame])
        frame, first, second = map(np.concatenate, (frame, first, second))
        return Rows(frame, kind, np.minimum(first, second), np.maximum(first, second))

    def _near(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Frame, both heavy atoms and distance (P,) of near pairs of two residues."""
        found = []
        for number, frame in enumerate(points[:, self.heavy].astype(np.float64)):
            pairs = cKDTree(frame, balanced_tree=False, compact_nodes=False).query_pairs(
                _SEARCH_NM, output_type="ndarray"
            )
            pairs = pairs[self.residue[pairs[:, 0]] != self.residue[pairs[:, 1]]]
            steps = frame[pairs[:, 0]] - frame[pairs[:, 1]]
            found.append((np.full(len(pairs), number), *pairs.T, np.sqrt(np.einsum("pi,pi->p", steps, steps))))
        return tuple(map(np.concatenate, zip(*found, strict=True)))

    def _hydrogen_bonds(self, points: np.ndarray, frame: np.ndarray, donor: np.ndarray, acceptor: np.ndarray) -> list:
        """Of near pairs of N and O, those with a hydrogen of the donor between them, by kind."""
        able = (self.hydrogens[donor, 0] >= 0) & self.accepts[acceptor]
        frame, donor, acceptor = frame[able], donor[able], acceptor[able]
        hydrogens = self.hydrogens[donor]  # (P, at most 4)
        at = points[frame[:, None], hydrogens].astype(np.float64)
        to_donor = points[frame, self.heavy[donor]][:, None] - at
        to_acceptor = points[frame, self.heavy[acceptor]][:, None] - at
        sizes = np.linalg.norm(to_donor, axis=-1) * np.linalg.norm(to_acceptor, axis=-1)
        bound = ((to_donor * to_acceptor).sum(-1) < _COS_HYDROGEN_BOND * sizes) & (hydrogens >= 0)
        rows = bound.any(1)
        of_backbone = self.backbone[donor].astype(int) + self.backbone[acceptor]
        first, second = self.residue[donor], self.residue[acceptor]
        return [
            (kind, *(x[rows & (of_backbone == count)] for x in (frame, first, second)))
            for kind, count in (("hbbb", 2), ("hbsb", 1), ("hbss", 0))
        ]

    def _rings(self, points: np.ndarray) -> list:
        """Contacts of rings with cations and with each other."""
        atoms = points[:, self.rings].astype(np.float64)  # (F, R, 3, 3)
        centre = atoms.mean(2)
        normal = np.cross(atoms[:, :, 1] - atoms[:, :, 0], atoms[:, :, 2] - atoms[:, :, 0])
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        to_cation = points[:, self.cations, None] - centre[:, None]  # (F, C, R, 3)
        distance = np.linalg.norm(to_cation, axis=-1)
        tilt = _from_normal(to_cation, normal[:, None], distance)
        other = self.cation_residue[:, None] != self.ring_residue
        frame, cation, ring = np.nonzero((distance <= _CATION_PI_NM) & (tilt <= _CATION_PI) & other)
        parts = [("pc", frame, self.cation_residue[cation], self.ring_residue[ring])]
        one, two = np.triu_indices(len(self.rings), 1)
        line = centre[:, two] - centre[:, one]
        distance = np.linalg.norm(line, axis=-1)
        planes = np.arccos(np.minimum(np.abs((normal[:, one] * normal[:, two]).sum(-1)), 1))
        tilt = np.minimum(*(_from_normal(line, normal[:, which], distance) for which in (one, two)))
        stacked = (distance <= _STACKED_NM) & (planes <= _PLANES)
        upright = (distance <= _T_SHAPED_NM) & (planes >= np.pi / 2 - _PLANES)
        for kind, found in (("ps", stacked), ("ts", upright)):
            frame, pair = np.nonzero(found & (tilt <= _LINE))
            parts.append((kind, frame, self.ring_residue[one[pair]], self.ring_residue[two[pair]]))
        return parts


def _from_normal(line: np.ndarray, normal: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Angle between lines of known length and normals of planes, at most pi / 2."""
    return np.arccos(np.minimum(np.abs((line * normal).sum(-1)) / length, 1))


def _named(atoms: dict[str, tuple[str, ...]], resnames: np.ndarray, names: np.ndarray) -> np.ndarray:
    return np.any([(resnames == residue) & np.isin(names, own) for residue, own in atoms.items()], axis=0)


def _hydrogens(molecule: Molecule) -> np.ndarray:
    """Rows of the hydrogens of N and O, (A, most of one atom), -1 where there are fewer."""
    hydrogen = np.flatnonzero(molecule.heavy_of >= 0)
    heavy = molecule.heavy_of[hydrogen]
    hydrogen, heavy = (x[np.isin(molecule.elements[heavy], ("N", "O"))] for x in (hydrogen, heavy))
    order = np.argsort(heavy, kind="stable")
    hydrogen, heavy = hydrogen[order], heavy[order]
    place = np.arange(len(heavy)) - np.searchsorted(heavy, heavy)
    result = np.full((len(molecule.elements), max(1, place.max(initial=0) + 1)), -1)
    result[heavy, place] = hydrogen
    return result


def _bonded_to_others(molecule: Molecule) -> np.ndarray:
    """Rows of the heavy atoms that are bonded to an atom other than carbon and hydrogen."""
    a, b = molecule.neighbours.T
    return np.concatenate([a[molecule.elements[b] != "C"], b[molecule.elements[a] != "C"]])
