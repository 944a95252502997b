"""Codes to token ids and back, with ids of any kind."""

import numpy as np
import pytest

from mdllm.language.vocabulary import Vocabulary

PRETRAINED = Vocabulary(np.array([[14, 9, 700], [14, 9, 31]]), 32768)


@pytest.mark.parametrize("vocabulary", [Vocabulary.from_scratch(2, 3), PRETRAINED], ids=["scratch", "table"])
def test_decode_inverts_encode(vocabulary):
    codes = np.random.default_rng(0).integers(0, 3, (4, 5, 2))
    tokens = vocabulary.encode(codes)
    assert tokens.shape == (4, 10)
    assert tokens.max() < vocabulary.size
    assert (vocabulary.decode(tokens) == codes).all()


def test_ids_are_those_of_the_table():
    codes = np.array([[1, 1], [2, 0]])
    assert Vocabulary.from_scratch(2, 3).encode(codes).tolist() == [1, 4, 2, 3]
    assert PRETRAINED.encode(codes).tolist() == [9, 9, 700, 14]


def test_decode_refuses_an_id_of_another_residue():
    with pytest.raises(ValueError, match="token 31 is no code of residue index 0"):
        PRETRAINED.decode(np.array([14, 9, 31, 9]))


def test_file_keeps_every_id(tmp_path):
    PRETRAINED.save(tmp_path / "vocabulary.json")
    loaded = Vocabulary.load(tmp_path / "vocabulary.json")
    assert (loaded.ids == PRETRAINED.ids).all()
    assert loaded.size == PRETRAINED.size
