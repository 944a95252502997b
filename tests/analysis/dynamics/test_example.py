"""The worked example of SeqDance's targets, within the tolerances that its facts name."""

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.dynamics.measure import measure_properties
from mdllm.analysis.dynamics.molecule import Molecule
from mdllm.analysis.dynamics.normal_modes import anisotropic_network, gaussian_network
from mdllm.analysis.dynamics.properties import CONTACTS, RESIDUE_PROPERTIES, columns
from mdllm.config.settings.dynamics import PropertySettings
from project import ROOT

EXAMPLE = ROOT.parent / "shared" / "data" / "seqdance_example"
pytestmark = [
    pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the worked example is in ../shared, which is not here"),
    pytest.mark.filterwarnings("ignore:DCDReader:DeprecationWarning"),
]
TOLERANCE = {"dssp": 1e-12, "chi1": 1e-12, "phi": 1e-12, "psi": 1e-12, "rmsf": 1e-5, "sasa": 0.01}


@pytest.fixture(scope="module")
def measured():
    universe = mda.Universe(str(EXAMPLE / "3tvj_I.pdb"), str(EXAMPLE / "3tvj_I_10frames.dcd"))
    molecule = Molecule.of(universe)
    points = np.stack([frame.positions[molecule.atoms] / 10 for frame in universe.trajectory])
    return molecule, measure_properties(molecule, points, settings=PropertySettings(superposition="first"))


@pytest.fixture(scope="module")
def expected():
    table = pd.read_csv(EXAMPLE / "3tvj_I_res_feature.csv")
    angles = [f"{angle}_{number}" for angle in ("chi", "phi", "psi") for number in range(12)]
    return table[["sasa_mean", "sasa_std", "rmsf", *(f"dssp_{letter}" for letter in "BEHIGST "), *angles]].to_numpy()


@pytest.mark.parametrize("group", TOLERANCE)
def test_residue_properties_are_those_of_the_example(measured, expected, group):
    place = columns(RESIDUE_PROPERTIES, group)
    np.testing.assert_allclose(measured[1].residue[:, place], expected[:, place], atol=TOLERANCE[group], rtol=0)


def test_contacts_are_symmetric_counts_and_shares(measured):
    molecule, properties = measured
    assert molecule.disulfides.tolist() == [[6, 21], [16, 35], [19, 30]]
    rows = properties.atom_pairs * properties.frames
    np.testing.assert_allclose(rows, rows.round(), atol=1e-9)
    np.testing.assert_array_equal(rows, rows.transpose(1, 0, 2))
    assert not rows[[6, 16, 19], [21, 35, 30], CONTACTS.index("vdw")].any()  # disulfides
    contacts = properties.pair[..., : len(CONTACTS)]
    assert contacts.max() == 1
    np.testing.assert_array_equal(contacts > 0, rows > 0)
    assert (rows >= contacts * properties.frames - 1e-9).all()


def test_normal_modes_are_those_of_2g3r():
    universe = mda.Universe(str(EXAMPLE / "2g3r.pdb"))
    atoms = [atom for atom in universe.select_atoms("protein and name CA") if atom.altLoc in ("", "A")]
    ca = np.array([atom.position for atom in atoms], float).round(3) / 10  # of a file, three decimals in angstrom
    expected = np.load(EXAMPLE / "nma_residue_pair_features_2g3r.npz")
    gaussian, anisotropic = gaussian_network(ca), anisotropic_network(ca)
    assert [band.stop - band.start for band in gaussian.bands()] == [18, 41, 59]
    assert [band.stop - band.start for band in anisotropic.bands()] == [15, 87, 249]
    msf = [gaussian.msf(band) for band in gaussian.bands()]
    correlation = [anisotropic.correlation(band) for band in anisotropic.bands()]
    np.testing.assert_allclose(msf, expected["gnm_msf"], atol=1e-10, rtol=0)
    np.testing.assert_allclose(correlation, expected["anm_cor"], atol=1e-10, rtol=0)
