"""Properties of the proteins of a collection, against what the same functions find of one of them."""

import numpy as np
import pytest

from collector import Collector
from mdllm.analysis.dynamics.normal_modes import anisotropic_network, gaussian_network
from mdllm.analysis.dynamics.properties import PAIR_PROPERTIES, RESIDUE_PROPERTIES, columns
from mdllm.collections.reader import Segment
from mdllm.core.errors import InputError
from mdllm.seqdance.collection import measure, write_collection
from mdllm.seqdance.settings import CollectionProperties
from mdllm.seqdance.storage import PropertyReader, read_proteins

ASKED = CollectionProperties(type="collection", collection="two", frames=20)


@pytest.fixture(scope="module")
def collection(tmp_path_factory, structures):
    patch = pytest.MonkeyPatch()
    patch.setattr("mdllm.collections.similarity.shutil.which", lambda name: None)
    collector = Collector(tmp_path_factory.mktemp("collection"))
    for name in ("1l2y", "2jof"):
        collector.structures.joinpath(f"{name}.pdb").write_text((structures / f"{name}.pdb").read_text())
    made = collector.run(validation_share=0.5, seed=0, identity=0.99)
    patch.undo()
    return made


def test_structures_have_torsions_and_modes_but_no_motion(collection, tmp_path):
    write_collection(collection, ASKED, tmp_path)
    table = read_proteins(tmp_path / "proteins.csv")
    assert set(table["group"]) == {"structures"}
    assert set(table["split"]) == {"train", "validation"}
    (segment,) = collection.conformers("1l2y")
    reader = PropertyReader([tmp_path / "dynamics.h5", tmp_path / "normal_modes.h5"])
    found = reader.read("1l2y", [segment.sequence])
    residue, pair = found.residue[1:-1], found.pair[1:-1, 1:-1]
    for group in ("sasa", "rmsf", "chi1"):
        assert np.isnan(residue[:, columns(RESIDUE_PROPERTIES, group)]).all()
    assert np.isnan(pair[..., :10]).all()
    helix = residue[2:7, columns(RESIDUE_PROPERTIES, "dssp")][:, 2]
    assert (helix > 0.9).all()
    assert np.isnan(residue[0, columns(RESIDUE_PROPERTIES, "phi")]).all()
    ca = np.asarray(segment.backbone[0])[:, 1]
    modes = gaussian_network(ca)
    slow = modes.msf(modes.bands()[0])
    np.testing.assert_allclose(residue[:, 47], slow / slow.mean(), rtol=1e-4)
    modes = anisotropic_network(ca)
    np.testing.assert_allclose(pair[..., 12], modes.correlation(modes.bands()[2]), atol=1e-5)
    again = (tmp_path / "dynamics.h5").stat().st_mtime_ns
    write_collection(collection, ASKED, tmp_path)
    assert (tmp_path / "dynamics.h5").stat().st_mtime_ns == again


def test_trajectories_have_motion(collection):
    (segment,) = collection.conformers("1l2y")
    in_time = Segment(**{**vars(segment), "interval_ps": 100.0})
    residue, pair, group = measure([in_time], 20)
    assert group == "md"
    rmsf = residue[:, 2]
    assert rmsf[0] > 2 * rmsf[5]  # ends move most
    assert pair[4, 5, 9] > 0.5
    np.testing.assert_allclose(np.diagonal(pair[..., 9]), 1)
    whole, _, _ = measure([in_time], 1000)
    assert not np.allclose(whole[:, 2], rmsf)  # 20 of 38 frames
    assert measure([Segment(**{**vars(in_time), "backbone": segment.backbone[:5]})], 20)[2] == "structures"


def test_parts_that_are_not_joined_have_no_modes(collection):
    (segment,) = collection.conformers("1l2y")
    apart = np.array(segment.backbone)
    apart[:, 10:] += 5
    residue, pair, _ = measure([Segment(**{**vars(segment), "backbone": apart})], 20)
    assert np.isnan(residue[:, 47:]).all()
    assert np.isnan(pair).all()
    assert np.isfinite(residue[3, columns(RESIDUE_PROPERTIES, "dssp")]).all()
    assert PAIR_PROPERTIES[12].name == "anm_high"


def test_long_proteins_are_left_out(collection, tmp_path):
    asked = CollectionProperties(type="collection", collection="two", longest=19)
    with pytest.raises(InputError, match="no protein for train of at most 19 residues"):
        write_collection(collection, asked, tmp_path)
