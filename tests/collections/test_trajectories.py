"""Trajectories in a collection: the user's own, of mdCATH, of wheels and archives; shared data where it is there."""

import hashlib
import logging
import re
import tarfile
import zipfile
from fnmatch import fnmatch

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from mdcath import NTL9, read_positions, write_mdcath
from mdllm.collections.databases import of_promod3
from mdllm.collections.members import of_url
from mdllm.collections.proteins import common_residues
from mdllm.collections.settings import Promod3Chains
from mdllm.config.collections import read_collection
from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.sources.download import cached_path
from mdllm.sources.package import fetch_wheel
from project import ROOT
from promod3 import database, debian_package

pytestmark = pytest.mark.slow

DOMAIN = "1l2yA00"
RUN = r"^(?P<protein>[^_.]+)(_(?P<temperature_k>\d+)K_(?P<replica>\d))?\."


def write_xtc(path, frames: np.ndarray, times_ps: np.ndarray) -> None:
    with XTCFile(str(path), "w") as file:
        for step, (frame, time_ps) in enumerate(zip(frames, times_ps, strict=True)):
            file.write(frame.astype(np.float32) / 10, np.zeros((3, 3), np.float32), step, float(time_ps), 1000.0)


def backbone(structure, frames: np.ndarray) -> np.ndarray:
    """(F, L, 4, 3) in nm."""
    universe = mda.Universe(str(structure))
    return np.stack([frames[:, universe.select_atoms(f"name {name}").ix] for name in ("N", "CA", "C", "O")], 2) / 10


@pytest.fixture
def own(collector, models):
    """The source of a folder with a topology, and two trajectories of which one has a gap in time."""
    first, frames = models
    (collector.structures / "trp.pdb").write_bytes(first.read_bytes())
    write_xtc(collector.structures / "trp_300K_1.xtc", frames, 20.0 * np.arange(38))
    times_ps = 50.0 * np.arange(38)
    times_ps[30:] += 500
    write_xtc(collector.structures / "trp_350K_2.xtc", frames[::-1], times_ps)
    return collector.files(trajectories="*.xtc", protein=RUN)


def test_own_trajectories(collector, own, models):
    found = collector.run(own)
    assert found.proteins.loc["trp", ["conformers", "frames"]].to_list() == [3, 76]
    assert found.segments[["frames", "interval_ps", "temperature_k", "replica", "label"]].to_numpy().tolist() == [
        [38, 20.0, 300.0, "1", "trp_300K_1.xtc"],
        [30, 50.0, 350.0, "2", "trp_350K_2.xtc"],
        [8, 50.0, 350.0, "2", "trp_350K_2.xtc"],
    ]
    np.testing.assert_allclose(found.segment("trp/2").backbone, backbone(*models)[::-1][30:], atol=6e-4)
    assert found.segment("trp/1").interval_ps == 50.0


def test_an_interval_that_the_config_says(collector, own):
    assert set(collector.run({**own, "interval_ps": 7.0}).segments["interval_ps"]) == {7.0}


def test_a_structure_without_a_trajectory(collector, own):
    (collector.structures / "other.pdb").write_bytes((collector.structures / "trp.pdb").read_bytes())
    with pytest.raises(InputError, match=r"other\.pdb: other has 1 structures and 0 trajectories"):
        collector.run(own)


def test_a_damaged_frame_of_a_trajectory(collector, own, models):
    frames = models[1].copy()
    frames[20] = 0
    write_xtc(collector.structures / "trp_300K_1.xtc", frames, 20.0 * np.arange(38))
    with pytest.raises(InputError, match=r"trp_300K_1\.xtc, frame 20 is damaged: N-CA of ASN 1 is 0\.000 nm"):
        collector.run(own)


def test_a_truncated_trajectory(collector, own):
    path = collector.structures / "trp_300K_1.xtc"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"trp_300K_1\.xtc is truncated or damaged"):
        collector.run(own)


def test_domains_of_mdcath(collector, models, tmp_path, caplog):
    first, frames = models
    long = np.concatenate([frames] * 4)
    long[130:] = 0
    wrapped = np.mod(frames, 60)  # cut by the box, atom by atom
    assert (np.ptp(wrapped, axis=1) > 50).any()
    runs = {(320, 0): frames, (320, 1): wrapped, (450, 0): long}
    write_mdcath(tmp_path / "h5" / f"mdcath_dataset_{DOMAIN}.h5", DOMAIN, first, runs)
    source = {"type": "mdcath", "domains": [DOMAIN], "folder": str(tmp_path / "h5")}
    with caplog.at_level(logging.WARNING):
        found = collector.run(source)
    assert found.segments[["frames", "interval_ps", "temperature_k", "replica", "label"]].to_numpy().tolist() == [
        [38, 1000.0, 320.0, "0", f"{DOMAIN}/320/0"],
        [38, 1000.0, 320.0, "1", f"{DOMAIN}/320/1"],
        [130, 1000.0, 450.0, "0", f"{DOMAIN}/450/0"],
    ]
    assert "450 K, replica 0: frame 130 is damaged" in caplog.text
    expected = backbone(*models)
    np.testing.assert_allclose(found.segment(f"{DOMAIN}/0").backbone, expected, atol=1e-5)
    assert rmsd(found.segment(f"{DOMAIN}/1").backbone, expected).max() < 1e-4
    assert collector.run({**source, "temperatures_k": [450], "prefix": "hot_"}).names() == [f"hot_{DOMAIN}"]


def test_a_damaged_frame_of_mdcath_has_its_number(collector, models, tmp_path):
    first, frames = models
    frames = np.concatenate([frames] * 4)
    frames[120] *= 0.5
    path = write_mdcath(tmp_path / f"mdcath_dataset_{DOMAIN}.h5", DOMAIN, first, {(348, 3): frames})
    with pytest.raises(InputError, match=rf"{path}, 348 K, replica 3, frame 120 is damaged: N-CA of ASN 1 is 0\.07"):
        collector.run({"type": "mdcath", "domains": [DOMAIN], "folder": str(tmp_path)})


def test_pieces_of_a_domain_are_one_protein(collector, models, tmp_path):
    first, frames = models
    lines = first.read_text().splitlines(keepends=True)
    cut = [line[:21] + "B" + line[22:] if line.startswith("ATOM") and int(line[22:26]) > 12 else line for line in lines]
    pieces = [line for line in cut if not (line.startswith("ATOM") and int(line[22:26]) in (11, 12))]
    (tmp_path / "pieces.pdb").write_text("".join(pieces))
    kept = [i for i, line in enumerate(line for line in cut if line.startswith("ATOM")) if line in set(pieces)]
    path = tmp_path / "h5" / f"mdcath_dataset_{DOMAIN}.h5"
    write_mdcath(path, DOMAIN, tmp_path / "pieces.pdb", {(320, 0): frames[:, kept]})
    found = collector.run({"type": "mdcath", "domains": [DOMAIN], "folder": str(path.parent)})
    assert found.proteins.loc[DOMAIN, "sequence"] == "NLYIQWLKDGSSGRPPPS"
    assert list(np.flatnonzero(~found.segment(f"{DOMAIN}/0").bonded)) == [9]


def test_an_archive_of_trajectories(collector, own, web, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in sorted(collector.structures.iterdir()):
            archive.write(path, f"set/{path.name}")
    url = web.put("x.zip", (tmp_path / "x.zip").read_bytes())
    source = {"members": "set/*.pdb", "trajectories": "set/*.xtc", "protein": RUN.replace("^(", "^set/(")}
    found = collector.run({"type": "url", "url": url, **source})
    assert list(found.segments["label"]) == ["set/trp_300K_1.xtc", "set/trp_350K_2.xtc", "set/trp_350K_2.xtc"]
    assert list(found.segments["source"].unique()) == [f"url {url}"]
    checksum = hashlib.sha256((tmp_path / "x.zip").read_bytes()).hexdigest()
    assert collector.counts["fetched_sha256"] == {f"url {url}": checksum}


def test_chains_of_atlas(collector, own, web, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(collector.structures / "trp.pdb", "1l2y_A.pdb")
        for number in (1, 2, 3):
            archive.write(collector.structures / "trp_300K_1.xtc", f"1l2y_A_prod_R{number}_fit.xtc")
    web.put("1l2y_A/1l2y_A_analysis.zip", (tmp_path / "x.zip").read_bytes())
    monkeypatch.setattr("mdllm.collections.databases.of_atlas.__defaults__", (web.address,))
    found = collector.run({"type": "atlas", "ids": ["1l2y_A"], "replicas": [1, 3]})
    assert list(found.segments["replica"]) == ["1", "3"]
    assert set(found.segments["temperature_k"]) == {300.0}
    checksum = hashlib.sha256((tmp_path / "x.zip").read_bytes()).hexdigest()
    assert collector.counts["fetched_sha256"] == {"atlas 1l2y_A": checksum}
    assert found.segment("1l2y_A/1").backbone.shape == (38, 20, 4, 3)


def test_ntl9_in_the_layout_of_mdcath(collector, shared, tmp_path):
    """Every frame is that of the XTC file that the HDF5 file was written from."""
    folder = shared / "trajectories" / "ntl9"
    frames = read_positions(folder / f"{NTL9}.pdb", folder / f"{NTL9}_320_0.xtc")
    runs = {(320, 0): frames, (413, 2): frames[::5]}
    write_mdcath(tmp_path / "h5" / f"mdcath_dataset_{NTL9}.h5", NTL9, folder / f"{NTL9}.pdb", runs)
    found = collector.run({"type": "mdcath", "domains": [NTL9], "folder": str(tmp_path / "h5")})
    assert found.proteins.loc[NTL9, ["residues", "frames"]].to_list() == [52, 600]
    segment = found.segment(f"{NTL9}/0")
    assert segment.bonded.all()
    np.testing.assert_allclose(segment.backbone, backbone(folder / f"{NTL9}.pdb", frames), atol=1e-5)
    assert rmsd(segment.backbone, segment.backbone[0]).max() > 0.3


def test_some_pairs_of_unbound_and_bound(collector, shared):
    with tarfile.open(shared / "pairs" / "unbound_bound.tar.gz") as archive:
        archive.extractall(collector.structures, filter="data")
    source = {
        "members": "unbound_bound/1[A-B]*_[lr]_*.pdb",
        "protein": r"(?P<protein>\w+_[lr])_(?P<conformer>u|b-matched)\.pdb$",
    }
    found = collector.run(collector.files(**source), shortest=20)
    assert len(found.names()) == 32
    assert set(found.proteins["conformers"]) == {2}
    apart = {name: _apart(*found.conformers(name)) for name in found.names()}
    assert np.median(list(apart.values())) == pytest.approx(0.08, abs=0.03)


def test_pairs_of_an_archive_that_was_put_by_hand(shared, tmp_path):
    """The archive of config/collections/small.yaml, made of some of the same files, where its message says."""
    source = read_collection(ROOT / "config", "small").sources[0]
    place = cached_path(source.url, tmp_path)
    place.parent.mkdir(parents=True)
    with (
        tarfile.open(shared / "pairs" / "unbound_bound.tar.gz") as given,
        tarfile.open(place, "w:gz", compresslevel=1) as archive,
    ):
        for entry in given:
            if not fnmatch(entry.name, "*/1[I-K]*"):
                continue
            content = given.extractfile(entry)
            entry.name = f"BM5-clean/structures-matched/{entry.name.rsplit('/', 1)[1]}"
            archive.addfile(entry, content)
    apart = []
    for protein in of_url(source, tmp_path):
        runs = protein.open()
        _, kept = common_residues(protein.name, runs)
        ca = [next(run.chunks())[1][:, rows, 1] for run, rows in zip(runs, kept, strict=True)]
        apart.append(float(rmsd(ca[0], ca[1][0])[0]))
    assert len(apart) == 52
    assert np.median(apart) == pytest.approx(0.0985, abs=0.0005)
    assert sum(value > 0.35 for value in apart) == 4


def _apart(first, second) -> float:
    return float(rmsd(first.backbone[:, :, 1], second.backbone[0, :, 1])[0])


def bioemu_benchmarks(cache) -> dict:
    """The source of the wheel, fetched once into the cache."""
    source = read_collection(ROOT / "config", "benchmarks").sources[0]
    try:
        fetch_wheel(source.package, source.version, cache, source.sha256)
    except InputError as error:
        if "could not be fetched" in str(error):
            pytest.skip(f"the wheel is neither cached nor to be had from the package index: {error}")
        raise
    return source.model_dump()


def test_two_state_proteins_of_a_wheel(collector, cache):
    source = bioemu_benchmarks(cache)
    source["members"] = source["members"].replace("/*/reference/", "/domainmotion/reference/")
    (collector.folder / "cache" / "packages").mkdir(parents=True)
    for wheel in (cache / "packages").glob("bioemu-benchmarks-*.whl"):
        (collector.folder / "cache" / "packages" / wheel.name).symlink_to(wheel)
    found = collector.run(source)
    assert len(found.names()) == 22
    adk = found.conformers("domainmotion_P69441")
    assert [segment.replica for segment in adk] == ["1AKE_A", "4AKE_A"]
    assert adk[0].backbone.shape == (1, 214, 4, 3)
    assert _apart(*adk) == pytest.approx(0.71, abs=0.03)


def test_a_wheel_is_checked_and_said_to_be_put_by_hand(collector, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    place = collector.folder / "cache" / "packages" / "numbers-1.0.whl"
    source = {"type": "package", "package": "numbers", "version": "1.0", "sha256": "0" * 64, "members": "numbers/*.pdb"}
    source["protein"] = r"numbers/(?P<protein>\w+)\.pdb"
    with pytest.raises(InputError, match=rf"could not be fetched .* put it at {re.escape(str(place))}\."):
        collector.run(source)
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("numbers/one.pdb", "END\n")
    with pytest.raises(InputError, match=r"numbers-1\.0\.whl: SHA-256 is .*, but the config file says 0000"):
        collector.run(source)
    source["sha256"] = hashlib.sha256(place.read_bytes()).hexdigest()
    with pytest.raises(InputError, match=r"numbers-1\.0\.whl holds nothing that matches numbers/\*\.ent"):
        collector.run({**source, "members": "numbers/*.ent"})


def test_chains_of_the_structure_database_of_promod3(collector, web, structures):
    universe = mda.Universe(str(structures / "2lc9.pdb"))
    letters = "".join(mda.lib.util.convert_aa_code(name) for name in universe.residues.resnames)[:164]
    backbone = np.stack([universe.select_atoms(f"name {n}").positions[:164] for n in ("N", "CA", "C", "O")], 1) / 10
    content = database(
        [(f"{n}ABC", "A", 1, letters[:length], backbone[:length]) for n, length in enumerate((164, 60, 20))]
    )
    package = debian_package(collector.folder / "x.deb", "structure_db.dat", content).read_bytes()
    url = web.put("pool/x_all.deb", package)
    source = {"type": "promod3", "url": url, "sha256": hashlib.sha256(package).hexdigest(), "shortest": 30}
    found = collector.run(source)
    assert sorted(found.names()) == ["0ABC_A", "1ABC_A"]
    assert found.proteins.loc["1ABC_A", "sequence"] == letters[:60]
    np.testing.assert_allclose(found.segment("1ABC_A/0").backbone[0], backbone[:60], atol=0.00051)
    chosen = Promod3Chains.model_validate({**source, "proteins": 1})
    drawn = [
        of_promod3(chosen.model_copy(update={"seed": seed}), collector.folder / "cache")[0].name for seed in range(8)
    ]
    assert set(drawn) == {"0ABC_A", "1ABC_A"}
    with pytest.raises(InputError, match=r"no stretch has 300 residues \(shortest\)"):
        collector.run({**source, "shortest": 300})
