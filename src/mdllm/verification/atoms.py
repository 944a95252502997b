"""What a raw topology has beyond the backbone: side chains and caps, under the names of the PDB.

Residue and atom names become those of the PDB, so that frames of CHARMM, AMBER and GROMACS force fields are understood:
protonation states are one residue, and a modified residue is its parent. What an atom is called elsewhere is in the
small table below; atoms that a residue of the PDB does not have are left out, and those that it lacks are built later.
"""

from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np
from Bio.Data.IUPACData import protein_letters_1to3
from MDAnalysis.lib.distances import minimize_vectors

from mdllm.core.errors import InputError
from mdllm.core.geometry import CA, PEPTIDE_BOND_NM, C, N
from mdllm.core.sequences import UNKNOWN, letter
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.molecules.backbone import BackboneAtoms

CAPS = ("ACE", "NME")
_THREE_LETTERS = {one: three.upper() for one, three in protein_letters_1to3.items()}
_SIDE_CHAINS = {
    "ALA": "CB",
    "ARG": "CB CG CD NE CZ NH1 NH2",
    "ASN": "CB CG OD1 ND2",
    "ASP": "CB CG OD1 OD2",
    "CYS": "CB SG",
    "GLN": "CB CG CD OE1 NE2",
    "GLU": "CB CG CD OE1 OE2",
    "GLY": "",
    "HIS": "CB CG ND1 CD2 CE1 NE2",
    "ILE": "CB CG1 CG2 CD1",
    "LEU": "CB CG CD1 CD2",
    "LYS": "CB CG CD CE NZ",
    "MET": "CB CG SD CE",
    "PHE": "CB CG CD1 CD2 CE1 CE2 CZ",
    "PRO": "CB CG CD",
    "SER": "CB OG",
    "THR": "CB OG1 CG2",
    "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH",
    "VAL": "CB CG1 CG2",
}
_CAP_ATOMS = {"ACE": "CH3 C O", "NME": "N C CH3"}
_OTHER_NAMES = {("ILE", "CD"): "CD1", ("MET", "SE"): "SD"}


@dataclass(frozen=True)
class Group:
    """Atoms that move with the backbone of one residue.

    Attributes:
        residue: index (of L) of that residue.
        name: of the residue that the atoms belong to, itself or a cap bound to it.
        names: of the atoms, as in the PDB.
        index: (A,) in the raw topology.
    """

    residue: int
    name: str
    names: list[str]
    index: np.ndarray


class RawAtoms:
    """Backbone, side chains and caps of the coded residues.

    Args:
        universe: of the raw topology, positions included.
        selection: of the coded residues.
        topology: its file, for messages.

    Attributes:
        names: (L,) residue names of the PDB.
        side_chains: (L,) groups, without atoms for glycine and where the topology has backbones only.
        caps: groups of ACE and NME, bound to the residue that they move with.

    Raises:
        InputError: residues that are no amino acids, which are named, or lack backbone atoms.
    """

    def __init__(self, universe: mda.Universe, selection: str, topology: str):
        self._backbone = BackboneAtoms.select(universe, selection, topology)
        residues = self._backbone.residues
        unknown = [f"{r.resname} {r.resid}" for r in residues if letter(r.resname) == UNKNOWN]
        if unknown:
            raise InputError(
                f"{topology}: {', '.join(unknown[:10])} {'are' if len(unknown) > 1 else 'is'} no amino acid that a "
                "simulation could be built for; leave them out by `selection`, or set verification.proposals: 0"
            )
        self.names = [_THREE_LETTERS[letter(residue.resname)] for residue in residues]
        self.side_chains = [
            _group(number, name, residue.atoms, _SIDE_CHAINS[name])
            for number, (name, residue) in enumerate(zip(self.names, residues, strict=True))
        ]
        self.caps = list(self._caps(universe))

    @property
    def backbone_only(self) -> bool:
        """Whether no residue has a side chain, although some need one."""
        return not any(len(group.index) for group in self.side_chains) and set(self.names) != {"GLY"}

    def read(self, positions: np.ndarray, dimensions: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Backbone (L, 4, 3) and raw positions (A, 3) in nm; groups lie whole beside their backbone."""
        backbone, points = self._backbone.cut(positions, dimensions).astype(float), positions / ANGSTROM_PER_NM
        if dimensions is not None and np.all(dimensions[:3] > 0):
            for group in (*self.side_chains, *self.caps):
                ca = backbone[group.residue, CA]
                from_ca = (points[group.index] - ca) * ANGSTROM_PER_NM
                points[group.index] = ca + minimize_vectors(from_ca, dimensions) / ANGSTROM_PER_NM
        return backbone, points

    def _caps(self, universe: mda.Universe):
        """Groups of the caps that are bound to a coded residue, by the distance of the peptide bond."""
        backbone = self._backbone.cut(universe.atoms.positions, universe.dimensions)
        for residue in universe.residues[np.isin(universe.residues.resnames, CAPS)]:
            group = _group(-1, residue.resname, residue.atoms, _CAP_ATOMS[residue.resname])
            points = dict(zip(group.names, universe.atoms.positions[group.index] / ANGSTROM_PER_NM, strict=True))
            own, bound = ("C", N) if residue.resname == "ACE" else ("N", C)
            if own in points:
                apart = np.linalg.norm(backbone[:, bound] - points[own], axis=-1)
                if apart.min() < PEPTIDE_BOND_NM:
                    yield Group(int(apart.argmin()), group.name, group.names, group.index)


def _group(residue: int, name: str, atoms: mda.AtomGroup, expected: str) -> Group:
    """The expected atoms that are there, in that order; of alternate locations the first."""
    locations = atoms.altLocs if hasattr(atoms, "altLocs") else [""] * len(atoms)
    found: dict[str, int] = {}
    for _, raw, index in sorted(zip(locations, atoms.names, atoms.indices, strict=True)):
        found.setdefault(_OTHER_NAMES.get((name, raw), raw), int(index))
    names = [wanted for wanted in expected.split() if wanted in found]
    return Group(residue, name, names, np.array([found[wanted] for wanted in names], int))
