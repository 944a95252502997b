"""Codes exchanged for synonyms."""

import numpy as np
import pytest

from mdllm.core.geometry import rmsd
from mdllm.core.trajectories import read_backbone
from mdllm.ensembles.synonyms import _MOVED, Synonyms
from mdllm.tokenizers.chain.settings import ChainSettings
from mdllm.tokenizers.multiscale.settings import MultiscaleSettings
from mdllm.tokenizers.torsion_grid import TorsionGridSettings

SETTINGS = {
    "multiscale": MultiscaleSettings(codebook_size=64),
    "chain": ChainSettings(name="chain", codebook_size=512),
    "torsion_grid": TorsionGridSettings(name="torsion_grid"),
}


@pytest.fixture(scope="module")
def frames(trp_cage_prepared) -> np.ndarray:
    """N, CA, C (40, 20, 3, 3) of state A."""
    return read_backbone(trp_cage_prepared.universe(), np.arange(442, 482))[:, :, :3]


@pytest.fixture(scope="module", params=["multiscale", pytest.param("chain", marks=pytest.mark.slow), "torsion_grid"])
def coded(request, frames):
    """A tokenizer, its codes of the frames, what is known of their synonyms, and the frames moved and coded again."""
    tokenizer = SETTINGS[request.param].load().fit(frames, SETTINGS[request.param], 0)
    codes = tokenizer.encode(frames)
    known = Synonyms.fit(tokenizer, codes, np.random.default_rng(7))
    row = np.linspace(0, len(codes) - 1, _MOVED).round().astype(int)
    return tokenizer, codes, known, row, tokenizer.encode(tokenizer.decode(codes[row], np.random.default_rng(7)))


def test_a_code_is_exchanged_as_often_as_another_comes_back_in_its_place(coded):
    _, codes, known, row, back = coded
    drawn = known.exchanged(np.repeat(codes, 500, axis=0), np.random.default_rng(1)).reshape(len(codes), 500, -1)
    for residue in (3, 10, 15):
        for code in np.unique(codes[:, residue]):
            here = codes[:, residue] == code
            expected = np.bincount(back[here[row], residue], minlength=known.codebook_size)
            found = np.bincount(drawn[here, :, residue].ravel(), minlength=known.codebook_size)
            assert not found[expected == 0].any()
            share, other = expected / expected.sum(), found / found.sum()
            assert np.abs(share - other).max() < 0.15 if expected.sum() > 40 else True
    assert 0.05 < (drawn != codes[:, None]).mean() < 0.95


def test_frames_of_synonyms_are_near_training_frames_but_none_of_them(coded, frames):
    tokenizer, codes, known, *_ = coded
    made = tokenizer.decode(known.exchanged(codes, np.random.default_rng(1)))
    again = tokenizer.decode(codes)
    apart = np.array([rmsd(made[number : number + 1], again[number])[0] for number in range(len(codes))])
    assert 0.005 < np.median(apart) < 0.25
    one, other = (known.exchanged(codes, np.random.default_rng(seed)) for seed in (1, 2))
    assert (one != other).any()
    assert np.array_equal(one, known.exchanged(codes, np.random.default_rng(1)))


def test_a_code_that_was_not_moved_stays(coded):
    _, codes, known, *_ = coded
    unseen = next(code for code in range(known.codebook_size) if not (codes[:, 10] == code).any())
    strange = codes[:3].copy()
    strange[:, 10] = unseen
    assert (known.exchanged(strange, np.random.default_rng(0))[:, 10] == unseen).all()
