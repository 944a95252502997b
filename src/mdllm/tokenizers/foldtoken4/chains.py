"""Which chain each residue belongs to, for an encoder that has to be told; a gap within a chain is an error.

The encoder numbers residues by their place in the list: beyond missing residues it would take strangers for
neighbours. Chains are known to it by number only. Axis: L residues.
"""

import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.geometry import PEPTIDE_BOND_NM, C, N


def chain_numbers(backbone: np.ndarray, lengths: list[int] | None, names: list[str] | None = None) -> np.ndarray:
    """Chain of each residue (L,), counted from 1.

    Args:
        backbone: one frame (L, 3, 3) in nm.
        lengths: residues of each chain, in order; None: one chain.
        names: names (L,) of the residues for messages; None: their place in the selection, from 1.

    Raises:
        InputError: the lengths do not add up to L, or C and N of neighbours in one chain are not bonded.
    """
    residues = len(backbone)
    lengths = [residues] if lengths is None else list(lengths)
    if sum(lengths) != residues:
        raise InputError(f"tokenizer.chains: {lengths} adds up to {sum(lengths)} residues, the frames have {residues}")
    numbers = np.repeat(np.arange(1, len(lengths) + 1), lengths)
    distance = np.linalg.norm(backbone[1:, N] - backbone[:-1, C], axis=-1)
    gaps = np.flatnonzero((distance > PEPTIDE_BOND_NM) & (numbers[1:] == numbers[:-1]))
    if len(gaps):
        names = names or [f"residue {i} of the selection" for i in range(1, residues + 1)]
        listed = [f"{names[i]} and {names[i + 1]} ({distance[i]:.2f} nm)" for i in gaps[:10]]
        raise InputError(
            f"{len(gaps)} gaps in the chain: C and N are not bonded between {'; '.join(listed)}. Model the missing "
            "residues, select one unbroken stretch, or, where a new chain begins, give the residues of each chain "
            "in tokenizer.chains"
        )
    return numbers
