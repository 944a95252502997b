"""Substitutions in a sequence: A12G changes the alanine at position 12, counted from 1; `:` joins several."""

import re

from mdllm.core.errors import InputError
from mdllm.core.sequences import STANDARD

WILD_TYPE = "wt"
_SUBSTITUTION = re.compile(rf"([{STANDARD}])(\d+)([{STANDARD}])")


def substitutions(mutant: str) -> list[tuple[str, int, str]] | None:
    """Old letter, position from 1, and new letter of each substitution; None where the name says something else."""
    found = [_SUBSTITUTION.fullmatch(part) for part in mutant.split(":")]
    return None if not all(found) else [(match[1], int(match[2]), match[3]) for match in found]


def mutate(sequence: str, mutant: str, name: str = "sequence") -> str:
    """The sequence of a mutant.

    Raises:
        InputError: the name is none of substitutions, a position is outside or has another letter, or comes twice.
    """
    changes = substitutions(mutant)
    if changes is None:
        raise InputError(f"{name}: '{mutant}' is no substitution such as A12G, or A12G:L30P")
    letters = list(sequence)
    if len({position for _, position, _ in changes}) < len(changes):
        raise InputError(f"{name}: {mutant} changes a position twice")
    for old, position, new in changes:
        if not 1 <= position <= len(letters):
            raise InputError(f"{name}: {mutant}, but the sequence has {len(letters)} residues")
        if letters[position - 1] != old:
            raise InputError(f"{name}: {mutant}, but position {position} is {letters[position - 1]}")
        letters[position - 1] = new
    return "".join(letters)


def revert(sequence: str, mutant: str, name: str = "sequence") -> str:
    """The wild type of a mutant's sequence. Raises InputError as `mutate`."""
    changes = substitutions(mutant) or []
    back = ":".join(f"{new}{position}{old}" for old, position, new in changes)
    return mutate(sequence, back or mutant, name)


def single_mutants(sequence: str) -> list[str]:
    """All single substitutions by another of the twenty residues, position by position; none of unknown residues."""
    return [
        f"{old}{position}{new}"
        for position, old in enumerate(sequence, 1)
        for new in STANDARD
        if new != old and old in STANDARD
    ]
