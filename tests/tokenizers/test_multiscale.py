"""The multiscale tokenizer: invariances, round trips on three proteins, states that training never showed, errors.

Data, states and error measures are those of benchmarks/tokenizer.py, so that tests and record cannot drift apart.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mdllm.core.errors import InputError
from mdllm.core.geometry import backbone_torsions, rmsd
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.multiscale.peptide import ideal_residue, ideal_steps
from mdllm.tokenizers.multiscale.tokenizer import Multiscale
from mdllm.tokenizers.rigid.poses import best_rotation, torsion_direction

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import tokenizer as benchmark

pytestmark = pytest.mark.slow  # tokenizers are fitted first


@pytest.fixture(scope="module")
def adk():
    return benchmark.read_adk()[0]


@pytest.fixture(scope="module")
def fitted(adk):
    return Multiscale.fit(adk[:49], benchmark.settings(512), seed=0)


@pytest.fixture(scope="module")
def coarse(adk):
    return Multiscale.fit(adk[:49], benchmark.settings(64), seed=0)


@pytest.fixture(scope="module")
def trp_cage(trp_cage_files):
    return benchmark.read_trp_cage()


@pytest.fixture(scope="module")
def t4_lysozyme(structures):
    return benchmark.read_t4_lysozyme()


def test_round_trip_of_training_and_unseen_frames(fitted, coarse, adk):
    assert benchmark.median_rmsd(fitted, adk[:49]) <= 0.030
    assert benchmark.median_rmsd(fitted, adk[49:]) <= 0.080
    assert benchmark.median_rmsd(coarse, adk[:49]) <= 0.042
    assert benchmark.median_rmsd(coarse, adk[49:]) <= 0.095


def test_wrong_codes_do_local_damage(fitted, adk):
    right = benchmark.median_rmsd(fitted, adk)
    assert right < benchmark.wrong_codes_rmsd(fitted, adk) <= 0.12


def test_codes_do_not_depend_on_the_pose(fitted, adk):
    codes = fitted.encode(adk)
    for seed in range(3):
        turn = Rotation.random(rng=seed).as_matrix()
        moved = adk.astype(np.float64) @ turn + np.array([3.0, -7.0, 11.0])
        assert (fitted.encode(moved) == codes).all()


def test_mirror_images_do_depend_on_the_hand(fitted, adk):
    assert rmsd(fitted.decode(fitted.encode(-adk[:5])), adk[:5]).min() > 0.3


def test_batches_do_not_matter(fitted, adk):
    codes = fitted.encode(adk)
    decoded = fitted.decode(codes)
    for frame in (0, 60, 97):
        assert (fitted.encode(adk[frame : frame + 1]) == codes[frame]).all()
        assert (fitted.decode(codes[frame : frame + 1]) == decoded[frame]).all()
    many = np.tile(codes, (3, 1))
    assert (fitted.decode(many)[-98:] == decoded).all()


def test_a_seed_gives_the_same_bytes(adk, tmp_path):
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        Multiscale.fit(adk[:49, :40], benchmark.settings(64), seed).save(tmp_path / name)
    first, again, other = (
        (tmp_path / name / "tokenizer.safetensors").read_bytes() for name in ("first", "again", "other")
    )
    assert first == again
    assert first != other


def test_saved_and_loaded_it_is_the_same(fitted, adk, tmp_path):
    fitted.save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    codes = fitted.encode(adk[::9])
    assert loaded.codebook_size == 512
    assert codes.dtype == np.int32
    assert (loaded.encode(adk[::9]) == codes).all()
    assert (loaded.decode(codes) == fitted.decode(codes)).all()
    drawn = [x.decode(codes, np.random.default_rng(5)) for x in (loaded, fitted)]
    assert (drawn[0] == drawn[1]).all()


def test_draws_spread_about_the_centre_as_training_does(coarse, adk):
    codes = coarse.encode(adk[:1]).repeat(400, axis=0)
    centre = coarse.decode(codes[:1])
    drawn = coarse.decode(codes, np.random.default_rng(0))
    again = coarse.decode(codes, np.random.default_rng(0))
    assert (drawn == again).all()
    assert rmsd(drawn.mean(0, keepdims=True), centre[0])[0] < 0.01
    # Restored peptide bonds take a part of the spread of poses drawn one by one.
    spread = np.sqrt(((drawn[:, :, 1] - centre[:, :, 1]) ** 2).sum(-1).mean())
    expected = np.sqrt((coarse.spread[codes[0], :3] ** 2).sum(-1).mean())
    assert 0.4 * expected < spread < expected


def test_codes_with_few_members_draw_from_the_pooled_spread(fitted, adk):
    members = np.bincount(fitted.encode(adk[:49]).reshape(-1), minlength=512)
    rare = fitted.spread[members < 10]
    assert len(rare) > 1
    assert (rare == rare[0]).all()
    assert not (fitted.spread[members >= 10] == rare[0]).all(axis=1).any()


def test_local_geometry_is_kept(fitted, adk):
    decoded = fitted.decode(fitted.encode(adk)).astype(np.float64)
    bonds = np.linalg.norm(decoded[:, 1:, 0] - decoded[:, :-1, 2], axis=-1)
    assert np.percentile(bonds, 1) > 0.12
    assert np.percentile(bonds, 99) < 0.15
    n_ca, ca_c = (np.linalg.norm(decoded[:, :, k + 1] - decoded[:, :, k], axis=-1) for k in (0, 1))
    for found, pair in ((n_ca, (0, 1)), (ca_c, (1, 2))):
        local = fitted.coder.scaffold.local
        assert found == pytest.approx(
            np.broadcast_to(np.linalg.norm(local[:, pair[1]] - local[:, pair[0]], axis=-1), found.shape), abs=1e-5
        )


def test_any_codes_decode_to_finite_chains(fitted):
    codes = np.random.default_rng(0).integers(0, 512, (50, 214))
    decoded = fitted.decode(codes)
    assert np.isfinite(decoded).all()
    assert np.median(np.linalg.norm(decoded[:, 1:, 0] - decoded[:, :-1, 2], axis=-1)) < 0.2


@pytest.mark.parametrize("state", ["A", "B"])
def test_a_state_that_training_never_showed_survives(trp_cage, state):
    """With one seed; benchmarks/tokenizer.py has five."""
    in_a = backbone_torsions(trp_cage)[0][:, 10] > 0
    training = benchmark.TRAINING_A if state == "A" else benchmark.TRAINING_B
    inside = in_a if state == "A" else ~in_a
    tokenizer = Multiscale.fit(trp_cage[training], benchmark.settings(128), benchmark.SEEDS[0])
    own, other = trp_cage[inside][::4], trp_cage[~inside]
    assert benchmark.kept_states(tokenizer, other, above=state != "A") >= 0.98
    assert benchmark.kept_states(tokenizer, own, above=state == "A") >= 0.99
    assert benchmark.median_rmsd(tokenizer, own) <= 0.034


def test_codes_drawn_residue_by_residue_decode_near_training(trp_cage):
    frames = trp_cage[benchmark.TRAINING_B]
    tokenizer = Multiscale.fit(frames, benchmark.settings(128), seed=0)
    codes = tokenizer.encode(frames)
    rng = np.random.default_rng(0)
    decoded = tokenizer.decode(np.stack([rng.choice(column, 100) for column in codes.T], axis=1))
    nearest = [rmsd(frames[::20], frame).min() for frame in decoded]
    assert max(nearest) < 0.3


@pytest.mark.parametrize("way", ["native from excited", "excited from native"])
def test_t4_lysozyme_keeps_its_unseen_state(t4_lysozyme, way):
    """With half of the codes, and one of the seeds, that the record has."""
    numbers, native, lcb, lc9 = t4_lysozyme
    if way == "native from excited":
        training, unseen = np.concatenate([lcb, lc9]), native
    else:
        training, unseen = benchmark.perturbed_copies(native[0], 30, seed=0), lcb
    errors = benchmark.local_errors(Multiscale.fit(training, benchmark.settings(512), seed=0), numbers, unseen)
    assert errors["rmsd_nm"] <= 0.04
    assert errors["distance_113_117_error_nm"] <= 0.05
    assert errors["psi_114_error_rad"] <= 0.35


@pytest.mark.parametrize("residues", [1, 2, 3])
def test_short_chains(adk, residues):
    frames = adk[:, 50 : 50 + residues]
    tokenizer = Multiscale.fit(frames, benchmark.settings(16), seed=0)
    assert benchmark.median_rmsd(tokenizer, frames) < 0.03


def test_best_rotation_recovers_a_rotation():
    turns = np.moveaxis(Rotation.random(50, rng=0).as_matrix(), 0, -1)
    stretch = np.diag([3.0, 2.0, 1.0])[..., None]
    symmetric = np.einsum("ijf,jkz,lkf->ilf", turns, stretch, turns)
    found = best_rotation(np.einsum("ijf,jkf->ikf", symmetric, turns[..., ::-1]))
    assert found == pytest.approx(turns[..., ::-1], abs=1e-9)


def test_ideal_steps_have_the_torsions_asked_for():
    psi, omega, phi = (np.random.default_rng(k).uniform(-3, 3, 20) for k in range(3))
    rotation, origin = ideal_steps(psi, omega, phi)
    n, ca, c = (atom[:, None] for atom in ideal_residue())
    following = [(rotation @ atom + origin).T for atom in ideal_residue()]
    for angle, points in ((psi, (n, ca, c, following[0])), (omega, (ca, c, *following[:2])), (phi, (c, *following))):
        assert np.stack(torsion_direction(*points)) == pytest.approx(np.stack([np.cos(angle), np.sin(angle)]), abs=1e-9)


def test_bad_input_is_named(fitted, adk):
    broken = adk[:3].copy()
    broken[1, 7, 2, 0] = np.nan
    with pytest.raises(InputError, match="frame 1, residue 7"):
        fitted.encode(broken)
    with pytest.raises(InputError, match="213 residues"):
        fitted.encode(adk[:2, :213])
    with pytest.raises(InputError, match=r"shape \(frames, residues"):
        fitted.encode(adk[:, :, 0])
    codes = fitted.encode(adk[:2])
    codes[1, 5] = 512
    with pytest.raises(InputError, match=r"frame 1, residue 5 .* has the code 512"):
        fitted.decode(codes)
    with pytest.raises(InputError, match="too few"):
        Multiscale.fit(adk[:1], benchmark.settings(512), seed=0)
