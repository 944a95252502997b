"""Systems of mdCATH: runs become trajectories, damaged tails are cut, and what is asked for must be there."""

import logging

import MDAnalysis as mda
import numpy as np
import pytest

from mdcath import NTL9, read_positions, write_mdcath
from mdllm.core.errors import InputError
from mdllm.sources.acquire import acquire
from mdllm.sources.mdcath import DomainFile, MdcathSource, fetch_mdcath

DOMAIN = "1l2yA00"


@pytest.fixture
def domain(tmp_path, models):
    """The source of a file with two temperatures, two replicas at the lower one."""
    first, frames = models
    runs = {(320, 0): frames, (320, 1): frames[::-1], (450, 0): frames[:5]}
    write_mdcath(tmp_path / "h5" / f"mdcath_dataset_{DOMAIN}.h5", DOMAIN, first, runs)
    return {"type": "mdcath", "domain": DOMAIN, "folder": str(tmp_path / "h5")}


def source(content: dict, **changes) -> MdcathSource:
    return MdcathSource.model_validate({**content, **changes})


def test_runs_become_trajectories(tmp_path, domain, models):
    described = acquire(source(domain), tmp_path / "cache")
    assert [entry["frames"] for entry in described["trajectories"]] == [38, 38, 5]
    topology, trajectories = fetch_mdcath(source(domain, temperatures_k=[320], replicas=[1]), tmp_path / "cache")
    universe = mda.Universe(str(topology), *map(str, trajectories))
    assert universe.residues.n_residues == 20
    np.testing.assert_allclose(read_positions(topology, *trajectories), models[1][::-1], atol=0.006)
    assert [frame.time for frame in universe.trajectory[:3]] == [0, 1000, 2000]


def test_runs_that_are_not_there(tmp_path, domain):
    with pytest.raises(InputError, match=r"no run of 1l2yA00 at 320 K, replica 4; it has 320 K: 0, 1; 450 K: 0"):
        fetch_mdcath(source(domain, replicas=[4]), tmp_path / "cache")
    with pytest.raises(InputError, match=r"no run of 1l2yA00 at 379 K"):
        fetch_mdcath(source(domain, temperatures_k=[379]), tmp_path / "cache")
    with pytest.raises(InputError, match=r"mdcath_dataset_2hbaA00\.h5 does not exist .*; put it there"):
        fetch_mdcath(source(domain, domain=NTL9), tmp_path / "cache")


@pytest.mark.parametrize("damage", [0.0, 2e7, np.nan])
def test_a_damaged_tail_is_cut_and_reported(tmp_path, domain, models, damage, caplog):
    first, frames = models
    frames = np.concatenate([frames] * 6)  # three chunks
    frames[120:140] = damage  # what follows is not believed either
    path = write_mdcath(tmp_path / "x.h5", DOMAIN, first, {(320, 0): frames})
    with caplog.at_level(logging.WARNING), DomainFile(path, DOMAIN) as file:
        read = np.concatenate([positions for positions, _ in file.chunks(320, 0)])
    np.testing.assert_array_equal(read, frames[:120])
    assert "320 K, replica 0: frame 120 is damaged" in caplog.text
    assert "108 of 228 frames are left out" in caplog.text
    assert len(caplog.records) == 1


def test_one_atom_far_away_is_damage_and_one_at_the_origin_is_none(tmp_path, models):
    first, frames = models
    frames = frames.copy()
    frames[5, 7] = 0
    frames[9, 7, 2] = -10_001
    path = write_mdcath(tmp_path / "x.h5", DOMAIN, first, {(320, 0): frames})
    with DomainFile(path, DOMAIN) as file:
        assert sum(len(positions) for positions, _ in file.chunks(320, 0)) == 9


def test_a_run_without_a_whole_frame(tmp_path, models):
    first, frames = models
    path = write_mdcath(tmp_path / "x.h5", DOMAIN, first, {(320, 0): frames * 0})
    with DomainFile(path, DOMAIN) as file, pytest.raises(InputError, match=r"frame 0 is damaged .* leave this run out"):
        list(file.chunks(320, 0))


def test_files_that_are_none_of_a_domain(tmp_path, domain):
    path = tmp_path / "h5" / f"mdcath_dataset_{DOMAIN}.h5"
    with pytest.raises(InputError, match=r"holds no domain 2hbaA00, but 1l2yA00"):
        DomainFile(path, NTL9)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"mdcath_dataset_1l2yA00\.h5 is damaged, or no HDF5 file .* fetch it again"):
        fetch_mdcath(source(domain), tmp_path / "cache")
