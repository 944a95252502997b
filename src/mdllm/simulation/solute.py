"""From a deposited structure to a complete, protonated protein: PDBFixer, with an error where it would guess.

Pitfalls handled here: alternate locations (the first is taken), NMR ensembles (the first model), missing side chains
and terminal oxygens (built), residues missing inside a chain (an error, or built on request), residues missing at its
ends (left out), modified residues (replaced by the parent residue), ligands, ions and water (removed, and named in
the log), hydrogens of the file (removed: the pH decides), and the unit cell of the crystal, or the 1 Å placeholder of
an NMR entry (dropped: it is not the box of the simulation).
"""

import logging
import random
from collections import Counter
from pathlib import Path

import numpy as np
from Bio.Data.IUPACData import protein_letters_1to3
from openmm import app, unit
from pdbfixer import PDBFixer
from pdbfixer.pdbfixer import proteinResidues

from mdllm.config.settings.simulation import StartStructure
from mdllm.core.errors import InputError
from mdllm.core.geometry import PEPTIDE_BOND_NM
from mdllm.simulation.platform import Device, atoms_apart, derive_seed

logger = logging.getLogger(__name__)
_CAPS = ("ACE", "NME")
_KEPT_IN_MUTATION = ("N", "CA", "C", "O", "OXT", "CB")
_THREE_LETTERS = {one: three.upper() for one, three in protein_letters_1to3.items()}


def build_solute(path: Path, structure: StartStructure, *, ph: float, device: Device, seed: int) -> app.Modeller:
    """The protein of a structure file with every atom that it needs for a force field.

    Args:
        path: PDB or mmCIF file.
        structure: chains to keep, mutations, and what to do about gaps.
        ph: decides the protonation of ASP, GLU, HIS, CYS, LYS by their default pKa; HIS tautomers by hydrogen bonds.
        device: computes the positions of new atoms.
        seed: root of the random draws that place them.

    Raises:
        InputError: names the chain, residue or mutation.
    """
    try:
        fixer = PDBFixer(filename=str(path))
    except (ValueError, IndexError, KeyError, AttributeError) as error:
        raise InputError(f"{path} cannot be read as a structure: {error}") from error
    fixer.platform = device.platform
    fixer.topology.setPeriodicBoxVectors(None)
    _keep_chains(fixer, structure.chains, path)
    _keep_protein(fixer, path)
    _find_gaps(fixer, structure.build_gaps, path)
    fixer.replaceNonstandardResidues()
    _mutate(fixer, structure.mutations, path)
    fixer.findMissingAtoms()
    built = [f"{r.name} {r.id}" for r in [*fixer.missingAtoms, *fixer.missingTerminals]]
    if built:
        logger.info("missing heavy atoms are built in %s", ", ".join(built))
    with atoms_apart(str(path)):
        fixer.addMissingAtoms(seed=derive_seed(seed, 0))
        solute = app.Modeller(fixer.topology, fixer.positions)
        random.seed(derive_seed(seed, 1))  # where OpenMM first puts a hydrogen
        solute.addHydrogens(pH=ph, platform=device.platform)
    residues = solute.topology.getNumResidues()
    logger.info("%s: %d residues, %d atoms", path, residues, solute.topology.getNumAtoms())
    return solute


def _keep_chains(fixer: PDBFixer, chains: list[str] | None, path: Path) -> None:
    there = list(dict.fromkeys(chain.id for chain in fixer.topology.chains()))
    if chains is None:
        return
    absent = ", ".join(chain for chain in chains if chain not in there)
    if absent:
        raise InputError(f"structure.chains: {path} has no chain {absent}; its chains are {', '.join(there)}")
    fixer.removeChains(chainIds=[chain for chain in there if chain not in chains])


def _keep_protein(fixer: PDBFixer, path: Path) -> None:
    """Remove hydrogens and all that is no amino acid, cap or modified amino acid; find the modified ones."""
    fixer.findNonstandardResidues()
    kept = {*proteinResidues, *_CAPS, *(residue.name for residue, _ in fixer.nonstandardResidues)}
    removed = [residue for residue in fixer.topology.residues() if residue.name not in kept]
    if removed:
        counts = Counter(residue.name for residue in removed)
        logger.info("%s: left out %s", path, ", ".join(f"{count} {name}" for name, count in counts.items()))
    hydrogens = [atom for atom in fixer.topology.atoms() if atom.element is app.element.hydrogen]
    modeller = app.Modeller(fixer.topology, fixer.positions)
    modeller.delete([*removed, *hydrogens])
    fixer.topology, fixer.positions = modeller.topology, modeller.positions
    if fixer.topology.getNumResidues() == 0:
        raise InputError(f"{path}: no amino acid is left to simulate; choose other `structure.chains` or another file")
    fixer.findNonstandardResidues()
    for residue, parent in fixer.nonstandardResidues:
        logger.warning("%s: %s %s is simulated as %s", path, residue.name, residue.id, parent)


def _find_gaps(fixer: PDBFixer, build: bool, path: Path) -> None:
    """Leave in `fixer.missingResidues` the gaps inside chains, if they are to be built, and nothing else."""
    fixer.findMissingResidues()
    chains = list(fixer.topology.chains())
    lengths = {chain.index: len(list(chain.residues())) for chain in chains}
    inside = {(c, at): names for (c, at), names in fixer.missingResidues.items() if 0 < at < lengths[c]}
    ends = sum(len(names) for key, names in fixer.missingResidues.items() if key not in inside)
    if ends:
        logger.info("%s: %d residues missing at chain ends are left out", path, ends)
    fixer.missingResidues = inside
    positions = np.array(fixer.positions.value_in_unit(unit.nanometer))
    for chain in chains:
        residues = list(chain.residues())
        for at in range(1, len(residues)):
            names = inside.get((chain.index, at))
            if names and build:
                logger.warning("%s: %d residues after %s are modelled", path, len(names), _name(residues[at - 1]))
            elif names or not _bonded(residues[at - 1], residues[at], positions):
                what = f"{len(names)} residues are missing" if names else "the chain is broken"
                remedy = (
                    "set structure.build_gaps: true to model them"
                    if names
                    else "fill the gap, and name the completed file by `file`"
                )
                between = f"between {_name(residues[at - 1])} and {_name(residues[at])}"
                raise InputError(f"{path}, chain {chain.id}: {what} {between}; {remedy}, or take another structure")


def _bonded(residue, following, positions: np.ndarray) -> bool:
    """Whether C and the next N (A, 3 in nm) are a bond apart; True where either is missing and will be built."""
    carbon = [atom.index for atom in residue.atoms() if atom.name == "C"]
    nitrogen = [atom.index for atom in following.atoms() if atom.name == "N"]
    if not carbon or not nitrogen:
        return True
    return bool(np.linalg.norm(positions[carbon[0]] - positions[nitrogen[0]]) < PEPTIDE_BOND_NM)


def _mutate(fixer: PDBFixer, mutations: list[str], path: Path) -> None:
    """Exchange side chains beyond CB; the new atoms are built with the other missing ones.

    PDBFixer alone would keep every old atom whose name the new residue has too: CD of an arginine 0.5 nm from the N
    that it is bound to in a proline.

    Raises:
        InputError: no such chain or residue, or another residue there than the mutation says.
    """
    residues = {(r.chain.id, r.id + r.insertionCode.strip()): r for r in fixer.topology.residues()}
    chains = list(dict.fromkeys(chain for chain, _ in residues))
    wanted: dict[str, list[str]] = {}
    mutated = []
    for mutation in mutations:
        *prefix, change = mutation.split(":")
        if not prefix and len(chains) > 1:
            raise InputError(
                f"structure.mutations: {mutation} does not say in which of the chains {', '.join(chains)} of {path}; "
                f"write {chains[0]}:{mutation}"
            )
        chain = prefix[0] if prefix else chains[0]
        if chain not in chains:
            raise InputError(f"structure.mutations: {mutation}: {path} has no chain {chain}, but {', '.join(chains)}")
        old, number, new = _THREE_LETTERS[change[0]], change[1:-1], _THREE_LETTERS[change[-1]]
        if (chain, number) not in residues:
            numbers = [key for of, key in residues if of == chain]
            raise InputError(
                f"structure.mutations: {mutation}: chain {chain} of {path} has no residue {number}; it has "
                f"{numbers[0]} to {numbers[-1]}"
            )
        found = residues[chain, number].name
        if found != old:
            raise InputError(
                f"structure.mutations: {mutation}: residue {number} of chain {chain} of {path} is {found}, not {old}; "
                "correct the number or the letters, or leave the mutation out if the structure has it already"
            )
        wanted.setdefault(chain, []).append(f"{old}-{number}-{new}")
        mutated.append(residues[chain, number])
    modeller = app.Modeller(fixer.topology, fixer.positions)
    modeller.delete([atom for residue in mutated for atom in residue.atoms() if atom.name not in _KEPT_IN_MUTATION])
    fixer.topology, fixer.positions = modeller.topology, modeller.positions
    for chain, changes in wanted.items():
        fixer.applyMutations(changes, chain)
        logger.info("%s, chain %s: mutated %s", path, chain, ", ".join(changes))


def _name(residue) -> str:
    return f"{residue.name} {residue.id}"
