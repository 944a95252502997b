"""Properties of ensembles whose motion, torsions and errors are known, and input that cannot be measured in full."""

import MDAnalysis as mda
import mdtraj
import numpy as np
import pytest

from mdllm.analysis.dynamics.measure import measure_properties, shares
from mdllm.analysis.dynamics.molecule import Molecule
from mdllm.analysis.dynamics.motion import measure_motion, superposition
from mdllm.analysis.dynamics.normal_modes import anisotropic_network, gaussian_network
from mdllm.analysis.dynamics.properties import (
    CONTACTS,
    DSSP_CLASSES,
    PAIR_PROPERTIES,
    RESIDUE_PROPERTIES,
    columns,
)
from mdllm.analysis.dynamics.shapes import angle_bins, surface
from mdllm.config.settings.dynamics import PropertySettings
from mdllm.core.errors import InputError

from .conftest import built


def of(properties, array, group):
    return array[..., columns(properties, group)]


@pytest.fixture(scope="module")
def measured(trp_cage):
    return measure_properties(*trp_cage, cluster=np.arange(28) // 4)


def test_the_table_has_fifty_residue_and_thirteen_pair_properties_in_the_order_of_the_paper():
    assert len(RESIDUE_PROPERTIES) == 50
    assert len(PAIR_PROPERTIES) == 13
    names = [entry.name for entry in RESIDUE_PROPERTIES]
    assert names[:4] == ["sasa_mean_nm2", "sasa_std_nm2", "rmsf_nm", "dssp_B"]
    assert (names.index("chi1_-180"), names.index("phi_-180"), names.index("psi_150")) == (11, 23, 46)
    assert names[47:] == ["gnm_low", "gnm_medium", "gnm_high"]
    pairs = [entry.name for entry in PAIR_PROPERTIES]
    assert pairs == [*CONTACTS, "correlation", "anm_low", "anm_medium", "anm_high"]


def test_shapes_are_those_of_mdtraj(trp_cage, measured, structures):
    frames = mdtraj.load(str(structures / "2jof.pdb"))
    letters = mdtraj.compute_dssp(frames, simplified=False)
    expected = [(letters == letter).mean(0) for letter in (*DSSP_CLASSES[:-1], " ")]
    np.testing.assert_allclose(of(RESIDUE_PROPERTIES, measured.residue, "dssp"), np.transpose(expected), atol=1e-12)
    for group, function, atom in (("chi1", mdtraj.compute_chi1, 1), ("psi", mdtraj.compute_psi, 1)):
        indices, angles = function(frames)
        result = of(RESIDUE_PROPERTIES, measured.residue, group)
        residues = [frames.topology.atom(row[atom]).residue.index for row in indices]
        assert np.flatnonzero(np.isfinite(result[:, 0])).tolist() == sorted(residues)
        for residue, own in zip(residues, angles.T, strict=True):
            edges = np.linspace(-np.pi, np.pi, 13)
            np.testing.assert_allclose(result[residue], np.histogram(own, edges)[0] / 28, atol=1e-12)
    area = mdtraj.shrake_rupley(frames, mode="residue")
    np.testing.assert_allclose(measured.residue[:, 0], area.mean(0), atol=0.03)  # by orientation up to 0.02 a frame


def test_angles_at_the_edges():
    assert angle_bins(np.array([[-np.pi, np.pi, 0.0, -1e-9, np.nan]])).tolist() == [[0, 11, 6, 5, -1]]


def test_motion_about_the_mean_is_found_under_rotations():
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(60, 3))
    frames = shape + 0.03 * rng.normal(size=(4000, 60, 3))
    frames[:, 1] = shape[1] + (frames[:, 0] - shape[0])  # moves with residue 0
    turn = np.linalg.qr(rng.normal(size=(4000, 3, 3)))[0]
    turn[np.linalg.det(turn) < 0, 0] *= -1
    moved = frames @ turn + rng.normal(size=(4000, 1, 3))
    rotation, translation = superposition(moved, "mean")
    motion = measure_motion(moved @ rotation + translation[:, None], np.arange(4000) // 200)
    # of 180 degrees of freedom, rotations and translations take six
    np.testing.assert_allclose(motion.rmsf_nm.mean(), 0.03 * np.sqrt(3 * 174 / 180), rtol=0.005)
    np.testing.assert_allclose(motion.rmsf_nm, motion.rmsf_nm.mean(), rtol=0.1)
    assert motion.correlation[0, 1] > 0.9
    assert np.abs(motion.correlation[2, 3:]).max() < 0.15
    np.testing.assert_allclose(np.diag(motion.correlation), 1)
    assert 0.4 < (motion.rmsf_error_nm / (motion.rmsf_nm / np.sqrt(6 * 4000))).mean() < 2.5


def test_the_mean_does_not_depend_on_which_frame_is_first_and_the_surface_not_on_how_frames_lie(trp_cage, measured):
    molecule, points = trp_cage
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(28, 3, 3)))[0]
    turn[np.linalg.det(turn) < 0, 0] *= -1
    turn[0] = np.eye(3)
    lying = (points @ turn).astype(np.float32)
    turned = measure_properties(molecule, lying, settings=PropertySettings(sasa_frames=None))
    np.testing.assert_allclose(turned.residue[:, :3], measured.residue[:, :3], atol=1e-3)
    assert np.abs(surface(molecule, lying).mean(0) - turned.residue[:, 0]).max() > 2e-3
    last = measure_properties(molecule, points[::-1], settings=PropertySettings(sasa_frames=1))
    np.testing.assert_allclose(last.residue[:, 2], measured.residue[:, 2], atol=1e-5)
    on_last = measure_properties(
        molecule, points[::-1], settings=PropertySettings(superposition="first", sasa_frames=1)
    )
    assert np.abs(on_last.residue[:, 2] - last.residue[:, 2]).max() > 1e-4


def test_no_torsion_reaches_over_a_break(structures):
    universe = mda.Universe(str(structures / "2jof.pdb"))
    broken = mda.Merge(universe.select_atoms("not resid 10"))
    molecule = Molecule.of(broken)
    properties = measure_properties(molecule, np.repeat(broken.atoms.positions[molecule.atoms][None] / 10, 2, 0))
    undefined = {
        angle: np.flatnonzero(np.isnan(of(RESIDUE_PROPERTIES, properties.residue, angle)[:, 0])).tolist()
        for angle in ("phi", "psi")
    }
    assert undefined == {"phi": [0, 9], "psi": [8, 18]}


def test_errors_of_a_share_are_those_of_its_blocks(measured):
    classes = np.repeat([0, 1, 1, 0, 1], 20)[:, None]
    share, error = shares(classes, 2, np.arange(100) // 20)
    np.testing.assert_allclose(share, [[0.4, 0.6]])
    np.testing.assert_allclose(error, np.std([1, 0, 0, 1, 0], ddof=1) / np.sqrt(5))
    assert np.isfinite(of(PAIR_PROPERTIES, measured.pair_error, "contacts")).all()
    assert measured.clusters == 7


def test_one_cluster_has_no_errors(trp_cage):
    molecule, points = trp_cage
    assert np.isnan(measure_properties(molecule, points[:4]).residue_error).all()


def test_without_hydrogens_surface_and_hydrogen_bonds_are_left_out_and_said_to_be(trp_cage, structures, caplog):
    universe = mda.Universe(str(structures / "2jof.pdb"))
    heavy = mda.Merge(universe.select_atoms("not name H* 1H* 2H* 3H*"))
    molecule = Molecule.of(heavy)
    points = heavy.atoms.positions[molecule.atoms] / 10
    properties = measure_properties(molecule, np.stack([points, points * 1.01]))
    assert "no hydrogens: surface and hydrogen bonds are left out" in caplog.text
    assert np.isnan(of(RESIDUE_PROPERTIES, properties.residue, "sasa")).all()
    missing = np.flatnonzero(np.isnan(properties.pair).all((0, 1)))
    assert [PAIR_PROPERTIES[number].name for number in missing] == ["hbbb", "hbsb", "hbss"]


def test_one_frame_has_shapes_contacts_and_modes_but_no_motion(trp_cage, caplog):
    molecule, points = trp_cage
    properties = measure_properties(molecule, points[:1])
    assert "one frame has no fluctuation" in caplog.text
    assert np.isnan(properties.residue[:, 1:3]).all()
    assert np.isnan(of(PAIR_PROPERTIES, properties.pair, "correlation")).all()
    assert np.isfinite(of(RESIDUE_PROPERTIES, properties.residue, "gnm")).all()
    assert properties.pair[..., 0].max() == 1


def test_coordinates_that_are_not_finite_are_named(trp_cage):
    molecule, points = trp_cage
    damaged = points.copy()
    damaged[2, molecule.backbone[4, 1]] = np.nan
    with pytest.raises(InputError, match=r"frame 2: coordinates of CA of GLN 5 are not finite"):
        measure_properties(molecule, damaged)
    with pytest.raises(InputError, match="no frame"):
        measure_properties(molecule, points[:0])


def test_molecules_that_are_no_protein_or_have_loose_hydrogens(structures):
    with pytest.raises(InputError, match="matches no atom"):
        Molecule.of(mda.Universe(str(structures / "3dmv.pdb")), "resname HOH and name X")
    with pytest.raises(InputError, match=r"HX of SER 1 is 0.30 nm from every heavy atom"):
        built(("SER", {"OG": (0, 0, 0), "HX": (0.3, 0, 0)}))
    with pytest.raises(InputError, match=r"ZN of SER 1 is none of C, N, O, S, H"):
        built(("SER", {"ZN": (0, 0, 0)}))


def test_the_surface_of_some_frames_stands_for_all(trp_cage):
    molecule, points = trp_cage
    few = measure_properties(molecule, points, settings=PropertySettings(sasa_frames=2)).residue
    ends = measure_properties(molecule, points[[0, 27]], settings=PropertySettings(sasa_frames=None)).residue
    np.testing.assert_allclose(few[:, 0], ends[:, 0], atol=0.03)
    assert np.abs(few[:, 0] - measure_properties(molecule, points).residue[:, 0]).max() > 0.03


def test_modes_of_three_beads_by_hand():
    ca = np.array([[0, 0, 0], [0.38, 0, 0], [0.76, 0, 0.0]])
    modes = gaussian_network(ca)
    # springs 10, 10 and, 0.76 nm apart, 2: eigenvalues 10 + 2 * 2 and 3 * 10
    np.testing.assert_allclose(modes.values, [14, 30])
    np.testing.assert_allclose(modes.msf(), [1 / 28 + 1 / 180, 4 / 180, 1 / 28 + 1 / 180])


def test_modes_do_not_depend_on_orientation_and_a_lost_residue_has_none(trp_cage):
    molecule, points = trp_cage
    ca = points[0, molecule.backbone[:, 1]].astype(float)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    one, other = anisotropic_network(ca), anisotropic_network(ca @ turn)
    np.testing.assert_allclose(one.values, other.values, rtol=1e-8)
    np.testing.assert_allclose(one.correlation(slice(20)), other.correlation(slice(20)), atol=1e-8)
    assert len(one.values) == 3 * 20 - 6
    ca[-1] += 5
    with pytest.raises(InputError, match="falls apart"):
        gaussian_network(ca)
