"""Which residues of a structure are its chains: resolved amino acids, without caps, ligands, ions and water."""

import logging
from functools import reduce
from operator import add

import MDAnalysis as mda
import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.geometry import peptide_bonds
from mdllm.core.sequences import MISSING, UNKNOWN, letter
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.molecules.damage import bond_lengths, no_bond

logger = logging.getLogger(__name__)
_BACKBONE = {"N", "CA", "C"}
_LONGEST_GAP = 200


def find_chains(universe: mda.Universe, selection: str | None, place: str) -> dict[str, BackboneAtoms]:
    """The backbones of the chains by their identifiers, in the order of the file.

    A residue is taken if it has N, CA and C, and is an amino acid among the ATOM records or bound to one that is: so
    a modified residue of a chain is taken, and an amino acid that is a ligand is not. What lacks one of these atoms,
    or has no bond between them (a beta-amino acid), is left out with a warning; so is the second of two residues in
    one place. Of alternate locations the first counts.

    Args:
        universe: with a frame, by which residues are bound or not.
        selection: MDAnalysis selection of what may be taken; None: everything.
        place: the file, for messages.

    Raises:
        InputError: the selection is invalid, or there is no such residue.
    """
    try:
        residues = universe.residues if selection is None else universe.select_atoms(selection).residues
    except (mda.SelectionError, AttributeError) as error:
        raise InputError(f"{place}: selection '{selection}' is not valid: {error}") from error
    complete, left_out, seen = [], [], set()
    for residue in residues:
        whole = set(residue.atoms.names) >= _BACKBONE
        position = (_chain(residue), residue.resid, getattr(residue, "icode", ""))
        if whole and position not in seen:
            complete.append(residue.ix)
            seen.add(position)
        elif whole or letter(residue.resname) != UNKNOWN:
            left_out.append(f"{residue.resname} {residue.resid}")
    if not complete:
        raise InputError(f"{place}: no residue with N, CA and C" + (f" in '{selection}'" if selection else ""))
    atoms = BackboneAtoms.of(universe.residues[complete], place)
    backbone = atoms.cut(universe.atoms.positions, None)
    bent = np.any([no_bond(length) for length in bond_lengths(backbone).values()], axis=0)
    bent &= np.isfinite(backbone).all((1, 2))  # what is not finite is an error later
    left_out += [f"{residue.resname} {residue.resid}" for residue in atoms.residues[bent]]
    taken = ~bent & _of_a_chain(atoms, backbone)
    if left_out:
        logger.warning(
            "%s: residues without a whole backbone are left out: %s%s",
            *(place, ", ".join(left_out[:10]), " ..." if len(left_out) > 10 else ""),
        )
    if not taken.any():
        raise InputError(f"{place}: no residue has a whole backbone")
    found: dict[str, list[int]] = {}
    for index in np.flatnonzero(taken):
        found.setdefault(_chain(atoms.residues[index]), []).append(index)
    return {chain: atoms.pick(rows) for chain, rows in found.items()}


def only_chain(chains: dict[str, BackboneAtoms], place: str) -> BackboneAtoms:
    """The one chain of a file.

    Raises:
        InputError: there are several.
    """
    if len(chains) > 1:
        first = next(iter(chains))
        raise InputError(
            f"{place} has several chains: {', '.join(f'{name} ({len(c.residues)})' for name, c in chains.items())} "
            f"residues; choose one by `selection` (such as chainID {first}), or write `chains: separate`"
        )
    return next(iter(chains.values()))


def all_chains(chains: dict[str, BackboneAtoms]) -> BackboneAtoms:
    """The chains of a file as one, in its order: pieces of a domain, which are not bound to each other."""
    return BackboneAtoms.of(reduce(add, (part.residues for part in chains.values())), "the file")


def with_missing(letters: str, atoms: BackboneAtoms, backbone: np.ndarray) -> str:
    """The letters (L) of a chain, with ? for each residue that its numbers skip where it is broken.

    An alignment of two sequences alone may put a residue at the edge of a gap on the wrong side of it, if both sides
    have the same letter. Numbers that skip where the chain goes on, as those of antibodies do, say nothing.
    """
    skipped = np.diff(atoms.residues.resids) - 1
    missing = np.where(peptide_bonds(backbone) | (skipped < 0) | (skipped > _LONGEST_GAP), 0, skipped)
    return "".join(code + MISSING * int(count) for code, count in zip(letters, [*missing, 0], strict=True))


def _chain(residue) -> str:
    chains = getattr(residue.atoms, "chainIDs", None)
    return str(chains[0] if chains is not None and chains[0] else residue.segid)


def _of_a_chain(atoms: BackboneAtoms, backbone: np.ndarray) -> np.ndarray:
    """Whether residues (L,) are amino acids by their record, or bound to a neighbour."""
    kinds = getattr(atoms.residues.atoms, "record_types", None)
    by_record = np.array([letter(name) != UNKNOWN for name in atoms.residues.resnames])
    if kinds is not None:
        by_record &= np.array([residue.atoms.record_types[0] == "ATOM" for residue in atoms.residues])
    bonds = peptide_bonds(backbone)
    return by_record | np.r_[False, bonds] | np.r_[bonds, False]
