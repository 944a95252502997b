"""The numbers below K, digit by digit: no other text passes, and every number does."""

import itertools

import pytest

from mdllm.language.text.grammar import END, START, Grammar


@pytest.mark.parametrize("codebook_size", [1, 2, 9, 10, 11, 26, 100, 256])
def test_exactly_the_numbers_below_k_are_admitted(codebook_size):
    """Every string of up to three digits is tried."""
    grammar = Grammar.below(codebook_size)
    admitted = set()
    for length in range(1, 4):
        for digits in itertools.product(range(10), repeat=length):
            state = START
            for symbol in (*digits, END):
                if not grammar.allowed[state, symbol]:
                    break
                state = grammar.following[state, symbol]
            else:
                admitted.add("".join(map(str, digits)))
    assert admitted == {str(code) for code in range(codebook_size)}


@pytest.mark.parametrize("codebook_size", [1, 11, 256])
def test_no_state_is_a_dead_end(codebook_size):
    assert Grammar.below(codebook_size).allowed.any(1).all()


def test_a_code_is_spelled_with_the_states_before_its_symbols():
    assert Grammar.below(256).spell(207) == ([2, 0, 7, END], [START, 3, 21, 208])
