"""What a collective variable is bound to: the atoms of a topology, in the order of the coordinates, and references."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import MDAnalysis as mda
import numpy as np

from mdllm.core.errors import InputError
from mdllm.molecules.chains import chain_ids, icodes, residue_name


@dataclass(frozen=True)
class Binding:
    """Atoms and references, as one collective variable sees them.

    Attributes:
        place: the variable's place in the config file, for messages.
        atoms: all atoms whose coordinates (F, A, 3) it will be given, in that order.
        references: coordinates (M, A, 3) or (A, 3) in nm by name; NaN marks atoms without counterpart.
    """

    place: str
    atoms: mda.AtomGroup
    references: Mapping[str, np.ndarray]

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {index: row for row, index in enumerate(self.atoms.ix)}

    def select(self, field: str, selection: str) -> np.ndarray:
        """Rows (a,) of the atoms that the selection in a field of the settings names.

        Raises:
            InputError: MDAnalysis cannot read it, or it names no atom.
        """
        place = f"{self.place}.{field}"
        try:
            found = self.atoms.select_atoms(selection)
        except mda.SelectionError as error:
            raise InputError(f"{place}: MDAnalysis cannot read the selection '{selection}': {error}") from error
        if len(found) == 0:
            residues, names = self.atoms.residues, list(dict.fromkeys(self.atoms.names))
            raise InputError(
                f"{place}: the selection '{selection}' is empty; choose among {', '.join(names[:12])} of the "
                f"{len(residues)} residues {residues.resids[0]} to {residues.resids[-1]} of the modelled selection"
            )
        self._require_one_chain(place, selection, found)
        return np.array([self._row_of[index] for index in found.ix])

    def _require_one_chain(self, place: str, selection: str, found: mda.AtomGroup) -> None:
        """Raise an InputError where a residue number means residues of several chains, and no chain is named."""
        words = set(re.findall(r"[a-z]+", selection.lower()))
        if not words & {"resid", "resnum"} or words & {"chainid", "segid", "segindex", "resindex", "index", "bynum"}:
            return
        residues: dict[tuple[int, str], list] = {}
        for residue, code in zip(found.residues, icodes(found.residues), strict=True):
            residues.setdefault((residue.resid, code), []).append(residue)
        for same in residues.values():
            if len(same) > 1:
                chain = chain_ids(found.residues[:1])[0]
                raise InputError(
                    f"{place}: the selection '{selection}' means {len(same)} residues: "
                    f"{', '.join(map(self.describe, same))}; name the chain, as in '({selection}) and chainID {chain}'"
                )

    @staticmethod
    def describe(residue: mda.core.groups.Residue) -> str:
        """ "MET 1 of chain A (segment PROA)"."""
        chain = chain_ids(residue.universe.residues[[residue.ix]])[0]
        segment = "" if residue.segid in ("", chain) else f" (segment {residue.segid})"
        return f"{residue_name(residue)} of chain {chain}{segment}"

    def atom(self, residue: mda.core.groups.Residue, name: str) -> np.ndarray:
        """Row (1,) of the one atom of a name in a residue.

        Raises:
            InputError: there is none, or there are several.
        """
        found = self.atoms.intersection(residue.atoms).select_atoms(f"name {name}")
        if len(found) != 1:
            raise InputError(
                f"{self.place}: residue {residue.resname}{residue.resid} has {len(found)} atoms {name}, not 1"
            )
        return np.array([self._row_of[found[0].ix]])

    def label(self, kind: str, groups: list[np.ndarray]) -> str | None:
        """Label as "CA11–CA15 distance", of chains "A:CA11–B:CA15 distance"; None where a group is several atoms."""
        if any(len(rows) > 1 for rows in groups):
            return None
        atoms = [self.atoms[rows[0]] for rows in groups]
        return "–".join(f"{self.chain_of(atom)}{atom.name}{atom.resid}" for atom in atoms) + f" {kind}"

    def chain_of(self, atom: mda.core.groups.Atom) -> str:
        """ "A:", the chain of an atom, where there are several; else nothing."""
        if len(set(chain_ids(self.atoms.residues))) < 2:
            return ""
        return f"{chain_ids(self.atoms.universe.residues[[atom.residue.ix]])[0]}:"

    def reference(self, name: str) -> np.ndarray:
        """Coordinates (M, A, 3) of the models of a reference.

        Raises:
            InputError: none of that name was given.
        """
        if name not in self.references:
            raise InputError(f"{self.place}.reference: no coordinates of '{name}' were given")
        return np.asarray(self.references[name], dtype=np.float64).reshape(-1, len(self.atoms), 3)
