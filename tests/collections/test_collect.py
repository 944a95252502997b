"""What is collected: frames, residues, conformers, and what is said of input that is not as it should be."""

import logging
import os
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from safetensors.numpy import load_file

from mdllm.collections.reader import Collection
from mdllm.core.errors import InputError
from mdllm.core.geometry import BACKBONE_ATOMS
from web import NOWHERE

T4L = (
    "MNIFEMLRIDEGLRLKIYKDTEGYYTIGIGHLLTKSPSLNAAKSELDKAIGRNTNGVITKDEAEKLFNQDVDAAVRGILRNAKLKPVYDSLDAVRRAAAINMVFQMGETGVAGFTNSLRML"
    "QQKRWDEAAVNLAKSRWYNQTPNRAKRVITTFRTGTWDAYKNL"
)


def residue(line: str) -> int:
    return int(line[22:26])


def position(line: str) -> list[float]:
    return [float(line[start : start + 8]) / 10 for start in (30, 38, 46)]


def moved(lines: list[str], **by: float) -> list[str]:
    """The lines with all x, y, z moved, in angstrom."""
    shifts = [by.get(axis, 0.0) for axis in "xyz"]
    return [
        line[:30]
        + "".join(f"{10 * x + shift:8.3f}" for x, shift in zip(position(line), shifts, strict=True))
        + line[54:]
        for line in lines
    ]


def in_chain(lines: list[str], chain: str) -> list[str]:
    return [line[:21] + chain + line[22:] for line in lines]


def renamed(lines: list[str], number: int, name: str, record: str | None = None) -> list[str]:
    return [
        (record or line[:6]).ljust(6) + line[6:17] + name + line[20:] if residue(line) == number else line
        for line in lines
    ]


def test_models_are_frames_and_files_are_conformers(collector, structures, t4l):
    collector.put("t4l_xray.pdb", t4l)
    (collector.structures / "t4l_nmr.pdb").write_bytes((structures / "2lcb.pdb").read_bytes())
    (collector.structures / "trp.pdb").write_bytes((structures / "1l2y.pdb").read_bytes())
    found = collector.run()
    assert found.proteins.to_dict("index")["t4l"] == {
        "sequence": T4L,
        "residues": 164,
        "conformers": 2,
        "frames": 11,
        "cluster": 0,
        "split": "train",
    }
    nmr, xray = found.conformers("t4l")
    assert (nmr.label, nmr.replica, xray.label, xray.replica) == ("t4l_nmr.pdb", "nmr", "t4l_xray.pdb", "xray")
    assert (nmr.backbone.shape, xray.backbone.shape) == ((10, 164, 4, 3), (1, 164, 4, 3))
    assert nmr.backbone.dtype == np.float32
    assert nmr.interval_ps is nmr.temperature_k is None
    universe = mda.Universe(str(structures / "2lcb.pdb"))
    for model, frame in zip(nmr.backbone, universe.trajectory, strict=True):
        for column, name in enumerate(BACKBONE_ATOMS):
            expected = frame.positions[universe.select_atoms(f"name {name}").ix] / 10
            np.testing.assert_allclose(model[:, column], expected, atol=1e-6)
    assert xray.bonded.all()
    assert xray.bonded.shape == (163,)
    assert collector.counts["frames"] == 49
    assert {segment.protein for segment in found.segments_of("train")} == {"t4l", "trp"}


def test_the_first_alternate_location_counts(collector, t4l):
    assert any(line[16] == "B" for line in t4l)
    collector.put("t4l.pdb", t4l)
    expected = [position(line) for line in t4l if line[12:16].strip() == "CA" and line[16] in " A"]
    np.testing.assert_allclose(collector.run().segment("t4l/0").backbone[0, :, 1], expected, atol=1e-6)


def test_conformers_keep_the_residues_that_all_have(collector, t4l, caplog):
    """One lacks a loop and its first residues, the other its last; numbers are no help."""
    collector.put("t4l_a.pdb", [line for line in t4l if residue(line) > 3 and not 50 <= residue(line) < 56])
    shifted = [f"{line[:22]}{residue(line) + 500:4d}{line[26:]}" for line in t4l if residue(line) <= 160]
    collector.put("t4l_b.pdb", shifted)
    with caplog.at_level(logging.INFO):
        found = collector.run()
    assert found.proteins.loc["t4l", "sequence"] == T4L[3:49] + T4L[55:160]
    for segment in found.conformers("t4l"):
        assert list(np.flatnonzero(~segment.bonded)) == [45]
        expected = [position(line) for line in t4l if line[12:16].strip() == "N" and line[16] in " A"]
        kept = [*range(3, 49), *range(55, 160)]
        np.testing.assert_allclose(segment.backbone[0, :, 0], np.array(expected)[kept], atol=1e-6)
    assert "t4l: 151 residues are common to its 2 structures; left out: 4 of t4l_a.pdb, 9 of t4l_b.pdb" in caplog.text


@pytest.mark.parametrize("missing", [(37, 38), (36, 37)])
def test_a_residue_stays_on_its_side_of_a_gap(collector, t4l, missing):
    """S36 P37 S38: without two of them, the third fits on either side of the gap by its letter."""
    assert T4L[35:38] == "SPS"
    collector.put("t4l_a.pdb", [line for line in t4l if residue(line) not in missing])
    collector.put("t4l_b.pdb", [f"{line[:22]}{residue(line) + 100:4d}{line[26:]}" for line in t4l])
    first, second = collector.run().conformers("t4l")
    np.testing.assert_array_equal(first.backbone, second.backbone)


def test_numbers_that_skip_where_the_chain_goes_on_say_nothing(collector, t4l):
    skipping = [f"{line[:22]}{residue(line) + 7 * (residue(line) > 90):4d}{line[26:]}" for line in t4l]
    collector.put("t4l_a.pdb", skipping)
    collector.put("t4l_b.pdb", [line for line in t4l if residue(line) > 4])
    first, second = collector.run().conformers("t4l")
    assert first.backbone.shape == (1, 160, 4, 3)
    np.testing.assert_array_equal(first.backbone, second.backbone)


def test_residues_are_bound_if_they_are_in_every_frame(collector, trp_cage):
    broken = [moved([line], z=5)[0] if residue(line) > 12 else line for line in trp_cage]
    collector.put("x.pdb", ["MODEL        1\n", *trp_cage, "ENDMDL\n", "MODEL        2\n", *broken, "ENDMDL\n"])
    assert list(np.flatnonzero(~collector.run().segment("x/0").bonded)) == [11]


def test_a_mutation_keeps_its_residue(collector, t4l, caplog):
    collector.put("t4l_a.pdb", t4l)
    collector.put("t4l_b.pdb", renamed(t4l, 99, "LEU"))
    with caplog.at_level(logging.INFO):
        assert collector.run().proteins.loc["t4l", "sequence"] == T4L
    assert "t4l: residues take their letters from t4l_a.pdb, and differ elsewhere: A99L" in caplog.text


def test_modified_and_unknown_residues_of_a_chain(collector, t4l, caplog):
    lines = renamed(renamed(t4l, 6, "MSE", "HETATM"), 50, "QQQ", "HETATM")
    ligand = moved(renamed([line for line in t4l if residue(line) == 30], 30, "GLY", "HETATM"), x=60)
    water = [f"HETATM 9999  O   HOH A 900    {1:8.3f}{2:8.3f}{3:8.3f}  1.00  0.00           O\n"]
    calcium = [f"HETATM 9998 CA    CA A 901    {1:8.3f}{2:8.3f}{3:8.3f}  1.00  0.00          CA\n"]
    ligand = [f"{line[:22]} 902{line[26:]}" for line in ligand]
    collector.put("t4l.pdb", [*lines, *ligand, *water, *calcium])
    found = collector.run()
    assert found.proteins.loc["t4l", "sequence"] == T4L[:49] + "X" + T4L[50:]
    assert "t4l.pdb: residues of unknown type, X in the sequence: QQQ 50" in caplog.text


def test_residues_without_a_whole_backbone_are_named(collector, t4l, caplog):
    broken = [line for line in t4l if not (residue(line) == 7 and line[12:16].strip() == "CA")]
    stretched = [
        line if not (residue(line) == 80 and line[12:16].strip() == "N") else moved([line], x=9)[0] for line in broken
    ]
    collector.put("t4l.pdb", stretched)
    found = collector.run()
    assert found.proteins.loc["t4l", "sequence"] == T4L[:6] + T4L[7:79] + T4L[80:]
    assert list(np.flatnonzero(~found.segment("t4l/0").bonded)) == [5, 77]
    assert "t4l.pdb: residues without a whole backbone are left out: LEU 7, ARG 80" in caplog.text


def test_several_chains_are_an_error_a_choice_or_proteins_of_their_own(collector, t4l, trp_cage):
    path = collector.put("two.pdb", [*in_chain(t4l, "A"), *moved(in_chain(trp_cage, "B"), x=80)])
    with pytest.raises(InputError, match=rf"{path} has several chains: A \(164\), B \(20\) residues; choose one by"):
        collector.run()
    assert collector.run(collector.files(selection="chainID B")).proteins.loc["two", "residues"] == 20
    found = collector.run(collector.files(chains="separate")).proteins
    assert found["residues"].to_dict() == {"two_A": 164, "two_B": 20}
    assert found.loc["two_A", "cluster"] != found.loc["two_B", "cluster"]


def test_two_proteins_of_one_name(collector, t4l, trp_cage):
    collector.put("x_1.pdb", t4l)
    source = collector.files()
    with pytest.raises(InputError, match=r"two proteins are called x: .*x_1\.pdb and .*x_1\.pdb; give one .* `prefix`"):
        collector.run(source, source)
    assert collector.run(source, {**source, "prefix": "again_"}).names() == ["x", "again_x"]
    collector.put("x_2.pdb", trp_cage)
    with pytest.raises(InputError, match=r"x stands for two proteins: x_1\.pdb and x_2\.pdb .*NLYIQWLKDGGPSSGRPPPS"):
        collector.run()


def test_a_missing_file_stops_before_any_is_read(collector, t4l, tmp_path):
    collector.put("damaged.pdb", ["ATOM      1  N   ALA\n"])
    with pytest.raises(InputError, match=r"nothing in .*structures matches \*\.ent"):
        collector.run(collector.files(), collector.files(members="*.ent"))
    with pytest.raises(InputError, match=r"folder .*nowhere does not exist \(paths start at the working directory\)"):
        collector.run(collector.files(), collector.files(folder=str(tmp_path / "nowhere")))
    with pytest.raises(InputError, match=r"mdcath_dataset_1l2yA00\.h5 does not exist"):
        collector.run(collector.files(), {"type": "mdcath", "domains": ["1l2yA00"], "folder": str(tmp_path)})
    with pytest.raises(InputError, match=r"damaged\.pdb cannot be read"):
        collector.run()


def test_no_network_stops_before_any_file_is_read(collector, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    collector.put("damaged.pdb", ["ATOM      1  N   ALA\n"])
    source = {"type": "url", "url": f"{NOWHERE}/set.zip", "members": "*.pdb", "protein": "(?P<protein>.*)"}
    with pytest.raises(
        InputError, match=r"could not be fetched .* put it at .*cache/downloads/127\.0\.0\.1_9/set\.zip"
    ):
        collector.run(collector.files(), source)


def test_a_damaged_structure_names_frame_and_residue(collector, trp_cage):
    broken = [line[:30] + "     nan" + line[38:] if residue(line) == 5 else line for line in trp_cage]
    models = ["MODEL        1\n", *trp_cage, "ENDMDL\n", "MODEL        2\n", *broken, "ENDMDL\n"]
    collector.put("x.pdb", models)
    with pytest.raises(InputError, match=r"x\.pdb, frame 1: coordinates of GLN 5 are not finite"):
        collector.run()
    broken = [moved([line], y=4)[0] if residue(line) == 9 and line[12:16].strip() == "C" else line for line in trp_cage]
    collector.put("x.pdb", ["MODEL        1\n", *trp_cage, "ENDMDL\n", "MODEL        2\n", *broken, "ENDMDL\n"])
    with pytest.raises(InputError, match=r"x\.pdb, frame 1 is damaged: CA-C of ASP 9 is 0\.\d+ nm, which is no bond"):
        collector.run()


def test_proteins_of_other_lengths_are_left_out_and_named(collector, t4l, trp_cage, caplog):
    collector.put("t4l.pdb", t4l)
    collector.put("trp.pdb", trp_cage)
    assert collector.run(shortest=21).names() == ["t4l"]
    assert collector.counts["too_short_or_long"] == 1
    assert "trp: left out, its 20 residues are not 21 to 2000" in caplog.text
    with pytest.raises(InputError, match="none of 2 proteins has 30 to 40 residues"):
        collector.run(shortest=30, longest=40)


def test_a_name_that_the_expression_does_not_find(collector, trp_cage):
    collector.put("x.pdb", trp_cage)
    with pytest.raises(InputError, match=r"structures/x\.pdb: `protein` \(\^y.*finds no name of a protein in x\.pdb"):
        collector.run(collector.files(protein="^y(?P<protein>.*)"))


def test_excluded_files_and_an_exclusion_without_effect(collector, t4l, trp_cage):
    collector.put("t4l.pdb", t4l)
    collector.put("trp.pdb", trp_cage)
    assert collector.run(collector.files(exclude=["t4l*"])).names() == ["trp"]
    with pytest.raises(InputError, match=r"exclude has no effect: no file matches mad2\*; remove it"):
        collector.run(collector.files(exclude=["t4l*", "mad2*"]))


def test_shards_are_safetensors_and_end_between_proteins(collector, t4l, trp_cage):
    for name in "abcd":
        collector.put(f"{name}_1.pdb", t4l)
        collector.put(f"{name}_2.pdb", t4l)
    size = 2 * 164 * 4 * 3 * 4 / 1e6
    found = collector.run(shard_mb=1.5 * size)
    assert list(found.segments["shard"]) == [0, 0, 0, 0, 1, 1, 1, 1]
    tensors = load_file(found.folder / "shards" / "00001.safetensors")
    assert int.from_bytes((found.folder / "shards" / "00001.safetensors").read_bytes()[:8], "little") % 8 == 0
    assert sorted(tensors) == ["c/0", "c/1", "d/0", "d/1"]
    np.testing.assert_array_equal(tensors["d/1"], found.segment("d/1").backbone)
    assert isinstance(found.segment("d/1").backbone, np.memmap)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
def test_many_segments_of_a_shard_are_one_open_file(collector, t4l):
    for number in range(8):
        collector.put(f"p{number}.pdb", t4l)
    collection = collector.run()
    before = len(os.listdir("/proc/self/fd"))
    kept = list(collection.segments_of())
    assert len(kept) == 8
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_an_interrupted_collection_goes_on(collector, t4l, trp_cage):
    for name in "abc":
        collector.put(f"{name}.pdb", t4l)
    collector.put("d.pdb", ["ATOM      1  N   ALA\n"])
    with pytest.raises(InputError, match=r"d\.pdb cannot be read"):
        collector.run(shard_mb=0.001)
    collector.put("d.pdb", trp_cage)
    for name in "abc":  # what is in whole shards is not read again
        collector.put(f"{name}.pdb", ["ATOM      1  N   ALA\n"])
    found = collector.run(shard_mb=0.001)
    assert found.proteins["residues"].to_dict() == {"a": 164, "b": 164, "c": 164, "d": 20}
    expected = [position(line) for line in t4l if line[12:16].strip() == "CA" and line[16] in " A"]
    np.testing.assert_allclose(found.segment("c/0").backbone[0, :, 1], expected, atol=1e-6)


def test_a_collection_that_is_not_finished(tmp_path):
    with pytest.raises(InputError, match=r"holds no proteins\.parquet; make the collection: snakemake .*/proteins"):
        Collection(tmp_path)
