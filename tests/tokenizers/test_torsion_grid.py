"""The phi/psi grid: bins, rebuilding from torsions, and what it cannot do."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mdllm.core.errors import InputError
from mdllm.core.geometry import backbone_torsions, circular_difference, rmsd
from mdllm.core.trajectories import read_backbone
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.torsion_grid import TorsionGrid, TorsionGridSettings

SETTINGS = TorsionGridSettings(name="torsion_grid")


@pytest.fixture(scope="module")
def backbone(trp_cage_prepared):
    return read_backbone(trp_cage_prepared.universe(), np.arange(442, 642))[:, :, :3]


@pytest.fixture(scope="module")
def grid(backbone):
    return TorsionGrid.fit(backbone, SETTINGS, seed=0)


def test_codes_are_the_cells_of_the_grid(grid, backbone):
    codes = grid.encode(backbone)
    assert (grid.codebook_size, codes.dtype) == (225, np.int32)
    phi, psi, _ = backbone_torsions(backbone)
    cell = [int((value[7, 4] + np.pi) // (2 * np.pi / 15)) for value in (phi, psi)]
    assert codes[7, 4] == 15 * cell[0] + cell[1]
    assert (codes[:, 0] // 15 == 0).all()
    assert (codes[:, -1] % 15 == 0).all()


def test_rebuilt_torsions_stay_in_their_cells(grid, backbone):
    codes = grid.encode(backbone)
    assert (grid.encode(grid.decode(codes)) == codes).mean() > 0.999


def test_fine_bins_rebuild_a_structure_of_ideal_geometry(grid, backbone):
    """Frames that have the mean lengths, angles and omega come back; real ones pay for their deviations from them."""
    ideal = grid.decode(grid.encode(backbone))
    fine = TorsionGrid.fit(ideal, TorsionGridSettings(name="torsion_grid", bins=3600), seed=0)
    assert rmsd(fine.decode(fine.encode(ideal)), ideal).max() < 0.002
    assert np.median(rmsd(ideal, backbone)) > 0.05


def test_codes_do_not_depend_on_the_pose(grid, backbone):
    turn = Rotation.random(rng=1).as_matrix()
    moved = backbone.astype(np.float64) @ turn + 3.0
    assert (grid.encode(moved) == grid.encode(backbone)).all()


def test_batches_do_not_matter(grid, backbone):
    codes = grid.encode(backbone[:20])
    assert (np.concatenate([grid.encode(frame[None]) for frame in backbone[:20]]) == codes).all()
    assert (np.concatenate([grid.decode(frame[None]) for frame in codes]) == grid.decode(codes)).all()


def test_drawn_torsions_have_the_spread_of_training(grid, backbone):
    codes = np.repeat(grid.encode(backbone[:1]), 4000, axis=0)
    drawn = backbone_torsions(grid.decode(codes, np.random.default_rng(0)))[1][:, 4]
    centre = backbone_torsions(grid.decode(codes[:1]))[1][0, 4]
    expected = grid.spread[4, 1, codes[0, 4] % 15]
    assert np.std(circular_difference(drawn, centre)) == pytest.approx(expected, rel=0.05)


def test_saved_and_loaded_it_is_the_same(grid, backbone, tmp_path):
    grid.save(tmp_path)
    again = load_tokenizer(tmp_path)
    codes = grid.encode(backbone)
    assert (again.encode(backbone) == codes).all()
    assert (again.decode(codes) == grid.decode(codes)).all()


def test_codes_outside_of_the_grid_are_named(grid):
    codes = np.zeros((2, 20), np.int32)
    codes[1, 3] = 225
    with pytest.raises(InputError, match=r"frame 1, residue 3 .* has the code 225"):
        grid.decode(codes)
    with pytest.raises(InputError, match="fitted on 20"):
        grid.encode(np.zeros((1, 19, 3, 3)))


def test_a_break_is_not_rebuilt_through(backbone):
    """Without residues 9 to 12: each fragment comes back as it does alone, and lies where the first frame has it."""
    broken = np.delete(backbone, slice(8, 12), axis=1)
    grid = TorsionGrid.fit(broken, SETTINGS, seed=0)
    codes = grid.encode(broken)
    assert (codes[:, 7] % 15 == 0).all()
    assert (codes[:, 8] // 15 == 0).all()
    decoded = grid.decode(codes)
    for part in (slice(0, 8), slice(8, 16)):
        alone = TorsionGrid.fit(broken[:, part], SETTINGS, seed=0)
        by_itself = rmsd(alone.decode(alone.encode(broken[:, part])), broken[:, part])
        np.testing.assert_allclose(rmsd(decoded[:, part], broken[:, part]), by_itself, atol=1e-4)
        away = np.linalg.norm(decoded[:, part].mean((1, 2)) - broken[0, part].mean((0, 1)), axis=-1)
        assert away.max() < 1e-3
