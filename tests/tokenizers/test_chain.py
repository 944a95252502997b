"""The tokenizer `chain`: one meaning everywhere, round trips of conformers it was not fitted on, gaps, errors.

Structures are entries of the Protein Data Bank (tests/data) and a trajectory of MDAnalysisTests.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mdllm.config.choices import TOKENIZERS
from mdllm.core.errors import InputError
from mdllm.core.geometry import backbone_torsions, rmsd
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.chain.codebook import Codebook, fit_steps, jumps, shipped_steps, steps_of
from mdllm.tokenizers.chain.settings import SIZES, ChainSettings
from mdllm.tokenizers.chain.tokenizer import Chain
from mdllm.tokenizers.multiscale.peptide import ideal_residue, ideal_steps
from mdllm.tokenizers.rigid.poses import atoms_of

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import tokenizer as benchmark


def fit(backbone, **settings) -> Chain:
    return Chain.fit(backbone, ChainSettings(name="chain", **settings), seed=0)


@pytest.fixture(scope="module")
def adk():
    return benchmark.read_adk()[0]


@pytest.fixture(scope="module")
def t4_lysozyme(structures):
    """Residue numbers, 3DMV, 2LCB and 2LC9."""
    return benchmark.read_t4_lysozyme()


@pytest.fixture(scope="module")
def native(t4_lysozyme) -> Chain:
    """Fitted on one structure alone."""
    return fit(t4_lysozyme[1])


def error(tokenizer, backbone) -> np.ndarray:
    return rmsd(tokenizer.decode(tokenizer.encode(backbone)), backbone)


def test_one_structure_is_enough_for_another_state(native, t4_lysozyme):
    numbers, _, excited, triple_mutant = t4_lysozyme
    for models in (excited, triple_mutant):
        assert error(native, models).max() < 0.06
        assert np.median(error(native, models)) < 0.045
    found = benchmark.local_errors(native, numbers, excited)
    assert found["distance_113_117_error_nm"] < 0.06
    assert found["psi_114_error_rad"] < 0.35


@pytest.mark.slow
def test_more_codes_are_closer(t4_lysozyme):
    errors = [np.median(error(fit(t4_lysozyme[1], codebook_size=size), t4_lysozyme[2])) for size in SIZES]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.5 * errors[0]


def test_several_ways_side_by_side_are_closer_than_one(t4_lysozyme):
    one, eight = (np.median(error(fit(t4_lysozyme[1], beam=beam), t4_lysozyme[2])) for beam in (1, 8))
    assert eight < 0.8 * one


def test_the_step_weight_makes_codes_those_of_the_own_step(t4_lysozyme):
    """Seen by itself, a step has a nearest code: the heavier, the more often it is taken."""
    frames = t4_lysozyme[2][:2]
    points, book = steps_of(frames).points(), shipped_steps(512).points()
    own = ((points[:, None] - book[None]) ** 2).sum(-1).argmin(1).reshape(2, -1)
    shares = [
        (fit(t4_lysozyme[1], step_weight=weight).encode(frames)[:, 1:] == own).mean() for weight in (0.0, 0.3, 1e6)
    ]
    assert shares[0] < shares[1] < shares[2]
    assert shares[2] > 0.99


def test_a_code_is_the_same_step_in_every_protein(native, adk):
    codes = np.random.default_rng(0).integers(0, 512, (3, 20))
    for tokenizer in (fit(adk[:3, :20]), fit(native.coder.reference[None, :20])):
        rotation, origin = tokenizer.coder.decode(codes)
        for residue in range(1, 20):
            turn = np.einsum("jif,jkf->fik", rotation[residue - 1], rotation[residue])
            shift = np.einsum("jif,jf->fi", rotation[residue - 1], origin[residue] - origin[residue - 1])
            expected = shipped_steps(512)
            assert turn == pytest.approx(expected.rotation[codes[:, residue]], abs=1e-9)
            assert shift == pytest.approx(expected.origin[codes[:, residue]], abs=1e-9)


def test_an_ideal_helix_has_one_code(native):
    turn, shift = ideal_steps(*(np.full(30, np.radians(angle)) for angle in (-42.0, 180.0, -63.0)))
    frames = [ideal_residue()]
    rotation, origin = np.eye(3), np.zeros(3)
    for step in range(30):
        origin, rotation = origin + rotation @ shift[step], rotation @ turn[step]
        frames.append(ideal_residue() @ rotation.T + origin)
    helix = np.array(frames)[None]
    codes = fit(helix, step_weight=1e6).encode(helix)
    assert len(np.unique(codes[0, 1:])) == 1
    phi, psi, *_ = backbone_torsions(fit(helix).decode(codes))
    assert np.degrees(np.median(phi[0, 2:-2])) == pytest.approx(-63, abs=8)
    assert np.degrees(np.median(psi[0, 2:-2])) == pytest.approx(-42, abs=8)


def test_codes_do_not_depend_on_the_pose(native, t4_lysozyme):
    frames = t4_lysozyme[2].astype(np.float64)
    codes = native.encode(frames)
    for seed in range(3):
        moved = frames @ Rotation.random(rng=seed).as_matrix() + np.array([3.0, -7.0, 11.0])
        assert (native.encode(moved) == codes).mean() > 0.999  # a tie may fall otherwise


def test_batches_do_not_matter(adk):
    tokenizer = fit(adk[:5, :60])
    frames = np.tile(adk[:, :60], (2, 1, 1, 1))
    codes = tokenizer.encode(frames)
    decoded = tokenizer.decode(codes)
    assert len(frames) > 2 * 64
    for frame in (0, 63, 64, 150):
        assert (tokenizer.encode(frames[frame : frame + 1]) == codes[frame]).all()
        assert (tokenizer.decode(codes[frame : frame + 1]) == decoded[frame]).all()


def test_saved_and_loaded_it_is_the_same(native, t4_lysozyme, tmp_path):
    native.save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    codes = native.encode(t4_lysozyme[2])
    assert codes.dtype == np.int32
    assert (codes[:, 0] == 0).all()
    assert loaded.codebook_size == 512
    assert (loaded.encode(t4_lysozyme[2]) == codes).all()
    assert loaded.decode(codes) == pytest.approx(native.decode(codes), abs=1e-5)


def test_decoded_frames_lie_on_the_reference_with_bonds_of_their_length(native, t4_lysozyme):
    decoded = native.decode(native.encode(t4_lysozyme[2])).astype(np.float64)
    offset = decoded.mean(axis=(1, 2)) - native.coder.reference.mean(axis=(0, 1))
    assert np.abs(offset).max() < 1e-5
    bonds = np.linalg.norm(decoded[:, 1:, 0] - decoded[:, :-1, 2], axis=-1)
    assert np.percentile(bonds, [1, 99]) == pytest.approx([0.1335, 0.1335], abs=0.012)


def test_draws_spread_about_the_centre(adk):
    tokenizer = fit(adk[:49, :40])
    codes = tokenizer.encode(adk[:1, :40]).repeat(200, axis=0)
    centre = tokenizer.decode(codes[:1])
    drawn = tokenizer.decode(codes, np.random.default_rng(0))
    assert (drawn == tokenizer.decode(codes, np.random.default_rng(0))).all()
    spread = np.sqrt(((drawn[:, :, 1] - centre[:, :, 1]) ** 2).sum(-1).mean())
    expected = np.sqrt((tokenizer.spread[codes[0], :3] ** 2).sum(-1).mean())
    assert 0.4 * expected < spread < 1.1 * expected
    bonds = np.linalg.norm(drawn[:, 1:, 0] - drawn[:, :-1, 2], axis=-1)
    assert np.percentile(bonds, [1, 99]) == pytest.approx([0.1335, 0.1335], abs=0.02)


@pytest.fixture(scope="module")
def with_a_gap(t4_lysozyme):
    """3DMV without ten residues, and the same with all after the gap moved as one."""
    chain = np.delete(t4_lysozyme[1], np.s_[80:90], axis=1)
    moved = chain.copy()
    moved[:, 80:] = chain[:, 80:] @ Rotation.from_rotvec([0.2, 0.1, -0.2]).as_matrix() + [0.2, -0.1, 0.15]
    return chain, moved


def test_a_gap_is_jumped(with_a_gap):
    chain, moved = with_a_gap
    tokenizer = fit(chain)
    assert tokenizer.coder.starts.tolist() == [0, 80]
    assert rmsd(chain, moved[0])[0] > 0.2
    assert error(tokenizer, moved)[0] < 0.08
    assert error(tokenizer, chain)[0] < 0.05
    codes = tokenizer.encode(moved)
    still = int(np.linalg.norm(tokenizer.coder.jumps.vectors(), axis=1).argmin())
    assert tokenizer.encode(chain)[0, 80] == still
    assert codes[0, 80] != still
    codes[0, 80] = still
    assert rmsd(tokenizer.decode(codes), moved)[0] > 0.12


def test_no_bond_is_made_over_a_gap(with_a_gap):
    chain, moved = with_a_gap
    tokenizer = fit(chain)
    codes = tokenizer.encode(moved)
    placed = atoms_of(*tokenizer.coder.decode(codes), tokenizer.local)[..., 0]
    widths = [np.linalg.norm(x[80, 0] - x[79, 2]) for x in (placed, tokenizer.decode(codes)[0], chain[0])]
    assert abs(widths[0] - widths[2]) > 0.1
    assert widths[1] == pytest.approx(widths[0], abs=0.02)


def test_jumps_are_dense_where_they_are_small_and_reach_far(with_a_gap):
    shifts = np.linalg.norm(jumps(512).vectors()[:, :3], axis=1)
    assert (shifts < 0.5).sum() > 40
    assert shifts.max() > 2.5
    chain, _ = with_a_gap
    far = chain.copy()
    far[:, 80:] += [1.5, -1.0, 1.2]
    assert error(fit(chain), far)[0] < 0.15


def test_a_crowded_region_takes_few_codes(adk, monkeypatch):
    """A third of AdK's steps are those of helices."""
    turn, shift = ideal_steps(*(np.radians([angle]) for angle in (-42.0, 180.0, -63.0)))
    helix = Codebook(turn, shift).points()
    steps = steps_of(adk[::10])
    monkeypatch.setattr("mdllm.tokenizers.chain.codebook._SAMPLES", 200)  # of 2130
    book = fit_steps(steps, 150, np.random.default_rng(0))
    shares = [(np.linalg.norm(x.points() - helix, axis=1) < 0.15).mean() for x in (steps, book)]
    assert shares[0] > 0.3
    assert shares[1] < 0.7 * shares[0]


def test_a_codebook_is_made_of_real_steps(adk):
    steps = steps_of(adk[:10])
    book = fit_steps(steps, 32, np.random.default_rng(0))
    distance = np.abs(book.origin[:, None] - steps.origin[None]).max(-1).min(1)
    assert distance.max() == 0.0
    assert len(np.unique(book.origin, axis=0)) == 32


def test_vectors_of_a_codebook_rebuild_it():
    book = shipped_steps(64)
    again = Codebook.of_vectors(book.vectors())
    assert again.rotation == pytest.approx(book.rotation, abs=1e-6)
    assert again.origin == pytest.approx(book.origin, abs=1e-6)


def test_a_size_that_is_not_shipped_names_those_that_are():
    with pytest.raises(ValueError, match=r"no codebook of 100 steps.*64, 128, 256, 512, 1024"):
        ChainSettings(name="chain", codebook_size=100)
    assert ChainSettings(name="chain", codebook_size="256").codebook_size == 256  # as --config gives it
    assert TOKENIZERS.classes["chain"] is ChainSettings


def test_frames_of_another_protein_are_refused(native, adk):
    with pytest.raises(InputError, match="214 residues, but the tokenizer was fitted on 1"):
        native.encode(adk[:2])
    with pytest.raises(InputError, match="has the code 512"):
        native.decode(np.full((1, len(native.local)), 512))
