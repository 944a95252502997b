"""Which symbol may follow while a code is spelled in decimal digits.

A code is one or more digits without leading zeros, then an end: a separator after the first L - 1 codes of a frame, a
line break after the last. So the number of codes alone ends a frame. Eleven symbols: the digits 0-9, and `END`.
"""

from dataclasses import dataclass

import numpy as np

END = 10
"""Symbol that ends a code."""
SYMBOLS = 11
START = 0
"""State before the first digit; state 1 + p means that the digits so far read p."""


@dataclass(frozen=True)
class Grammar:
    """The numbers 0 to K - 1 as a finite automaton.

    Attributes:
        allowed: (K + 1, 11) whether a symbol may follow in a state. No state is without a way on, and every way ends in
            a number below K.
        following: (K + 1, 11) state after a symbol; `START` after `END` and where the symbol is not allowed.
    """

    allowed: np.ndarray
    following: np.ndarray

    @classmethod
    def below(cls, codebook_size: int) -> "Grammar":
        """The grammar of the numbers below K."""
        prefixes = np.arange(codebook_size)[:, None]
        digits = np.arange(10)
        longer = 10 * prefixes + digits
        allowed = np.zeros((codebook_size + 1, SYMBOLS), bool)
        allowed[START, :10] = digits < codebook_size
        allowed[1:, :10] = (longer < codebook_size) & (prefixes > 0)
        allowed[1:, END] = True
        following = np.zeros((codebook_size + 1, SYMBOLS), int)
        following[START, :10] = 1 + digits
        following[1:, :10] = 1 + longer
        return cls(allowed, np.where(allowed, following, START))

    def spell(self, code: int) -> tuple[list[int], list[int]]:
        """Symbols of a code, `END` included, and the state before each of them."""
        symbols = [int(digit) for digit in str(code)] + [END]
        states = [START]
        for symbol in symbols[:-1]:
            states.append(int(self.following[states[-1], symbol]))
        return symbols, states
