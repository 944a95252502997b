"""Sequences as tokens of ESM2: ``<cls> residues <eos>``, chains of a complex one after the other.

Axes: T tokens.
"""

from collections.abc import Sequence

import numpy as np
from transformers.models.esm.configuration_esm import get_default_vocab_list

from mdllm.core.errors import InputError

# The vocabulary of ESM2 (Lin et al., Science 379, 1123, 2023), in its order.
VOCABULARY = tuple(get_default_vocab_list())
CLS, PAD, EOS, MASK = (VOCABULARY.index(token) for token in ("<cls>", "<pad>", "<eos>", "<mask>"))
BETWEEN_CHAINS = ":"
_ID = {letter: number for number, letter in enumerate(VOCABULARY) if letter.isalpha() and len(letter) == 1}


def chains_of(sequence: str, name: str = "sequence") -> list[str]:
    """The chains of a sequence, in capitals; `:` stands between chains.

    Raises:
        InputError: a letter is no residue, or a chain is empty.
    """
    chains = sequence.upper().split(BETWEEN_CHAINS)
    place = 0
    for number, chain in enumerate(chains, 1):
        if not chain:
            raise InputError(f"{name}: chain {number} is empty")
        for index, letter in enumerate(chain):
            if letter not in _ID:
                raise InputError(
                    f"{name}: '{letter}' at position {place + index + 1} is no residue; write one of "
                    f"{''.join(sorted(_ID))} (X where it is unknown), and : between chains"
                )
        place += len(chain) + 1
    return chains


def encode(chains: Sequence[str]) -> np.ndarray:
    """Token ids (T,) of chains: T is the number of residues and two for each chain."""
    return np.array([number for chain in chains for number in (CLS, *(_ID[letter] for letter in chain), EOS)])


def is_residue(tokens: np.ndarray) -> np.ndarray:
    """Which tokens (T,) stand for residues: neither special, nor padding."""
    return ~np.isin(tokens, (CLS, PAD, EOS))
