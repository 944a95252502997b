"""Times and segments: single precision, placeholders, intervals that differ, runs that overlap."""

import struct
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest
from MDAnalysisTests.datafiles import DCD, PSF, PDB_small

from mdllm.config.settings.system import UNORDERED
from mdllm.core.errors import InputError
from mdllm.prepare.frames import frame_interval
from mdllm.prepare.times import Clock
from raw_files import distances, prepared, write_xtc

CV = distances(d=("resid 3", "resid 13"))


@pytest.fixture(scope="module")
def part():
    """Residues 1 to 15 of AdK."""
    return mda.Universe(PSF, DCD).select_atoms("resid 1-15")


@pytest.fixture(scope="module")
def topology(part, tmp_path_factory) -> Path:
    part.write(str(path := tmp_path_factory.mktemp("part") / "part.pdb"))
    return path


@pytest.fixture(scope="module")
def positions(part):
    return np.stack([part.positions for _ in part.universe.trajectory[:12]])


class Reader:
    """What a clock asks of an open trajectory: times alone."""

    format = "XTC"

    def __init__(self, times):
        self.times = np.asarray(times, np.float32)

    def __len__(self):
        return len(self.times)

    def __getitem__(self, index):
        return type("Timestep", (), {"time": float(self.times[index])})


def ticked(times, interval=None):
    clock = Clock(interval)
    clock.open(Reader(times), "t.xtc")
    return [clock.tick(number, float(np.float32(time)), f"frame {number}") for number, time in enumerate(times)]


@pytest.mark.parametrize(
    ("interval", "frames", "start"),
    [pytest.param(0.1, 1_000_000, 0, marks=pytest.mark.slow), (0.1, 20_000, 1e6), (0.002, 50_000, 1e5)],
)
def test_times_in_single_precision_are_one_segment(interval, frames, start):
    """100 ns at 0.1 ps; the same around 1 us, where steps are 0.0625 or 0.125; 2 fs around 100 ns, where most are 0."""
    times, segments = zip(*ticked(start + interval * np.arange(frames)), strict=True)
    assert set(segments) == {0}
    table = pd.DataFrame({"time_ps": times, "segment": segments})
    assert frame_interval(table) == pytest.approx(interval, rel=2e-3)


def test_a_gap_of_one_frame_is_seen_late_in_a_long_run():
    times = 0.5 * np.arange(200_000)
    segments = [segment for _, segment in ticked(np.delete(times, 190_000))]
    assert segments.count(0) == 190_000
    assert segments.count(1) == 9_999


def test_the_same_time_in_every_frame_counts_frames_or_takes_the_interval(tmp_path, topology, positions, caplog):
    write_xtc(tmp_path / "t.xtc", positions, times=np.zeros(12))
    _, frames = prepared(tmp_path / "out", topology, tmp_path / "t.xtc", observables=CV)
    assert frames["time_ps"].isna().all()
    assert (frames["segment"] == 0).all()
    assert "every frame has the time 0 ps" in caplog.text
    assert "say frame_interval_ps" in caplog.text
    _, frames = prepared(tmp_path / "out", topology, tmp_path / "t.xtc", observables=CV, frame_interval_ps=20.0)
    assert frames["time_ps"].tolist() == [20.0 * number for number in range(12)]
    assert (frames["segment"] == 0).all()


def test_a_given_interval_decides_segments_too(tmp_path, topology, positions):
    write_xtc(tmp_path / "t.xtc", positions, times=[0, 1, 2, 10, 11, 5, 6, 7, 8, 9, 10, 0])
    _, frames = prepared(tmp_path / "out", topology, tmp_path / "t.xtc", observables=CV, frame_interval_ps=2.0)
    assert (frames["segment"] == 0).all()
    assert frames["time_ps"].tolist() == [2.0 * number for number in range(12)]


@pytest.mark.parametrize(("delta", "every"), [(1.0, 1), (0.02, 0), (0.0, 500)])
def test_placeholders_of_dcd_are_no_times(tmp_path, part, topology, caplog, delta, every):
    """Bytes 20 and 44 of the header: steps between frames, and the time step in units of AKMA."""
    part.write(str(tmp_path / "t.dcd"), frames=part.universe.trajectory[:12])
    content = bytearray((tmp_path / "t.dcd").read_bytes())
    struct.pack_into("<i", content, 16, every)
    struct.pack_into("<f", content, 44, delta)
    (tmp_path / "t.dcd").write_bytes(content)
    assert mda.lib.formats.libdcd.DCDFile(str(tmp_path / "t.dcd")).header["nsavc"] == every
    _, frames = prepared(tmp_path / "out", topology, tmp_path / "t.dcd", observables=CV)
    assert frames["time_ps"].isna().all()
    assert "placeholders" in caplog.text
    _, frames = prepared(tmp_path / "out", topology, tmp_path / "t.dcd", observables=CV, frame_interval_ps=5.0)
    assert frames["time_ps"].tolist() == [5.0 * number for number in range(12)]


def test_formats_without_times_have_none(tmp_path, caplog):
    part = mda.Universe(PDB_small).select_atoms("resid 1-15")
    with mda.Writer(str(tmp_path / "models.pdb"), multiframe=True) as writer:
        for _ in range(3):
            writer.write(part)
    _, frames = prepared(tmp_path / "out", tmp_path / "models.pdb", tmp_path / "models.pdb", observables=CV)
    assert frames["time_ps"].isna().all()
    assert "the format has no times" in caplog.text


def test_unknown_says_it_without_a_warning(tmp_path, caplog):
    _, frames = prepared(tmp_path / "out", PSF, DCD, observables=CV, frame_interval_ps="unknown")
    assert frames["time_ps"].isna().all()
    assert np.isnan(frame_interval(frames))
    assert "placeholder" not in caplog.text


@pytest.mark.slow
def test_files_of_two_intervals_are_refused_unless_one_is_given(tmp_path, topology, positions):
    one = write_xtc(tmp_path / "a.xtc", positions, times=10.0 * np.arange(12))
    two = write_xtc(tmp_path / "b.xtc", np.roll(positions, 3, 0), times=100.0 * np.arange(12))
    with pytest.raises(
        InputError, match=r"b\.xtc, frame 1: frames come every 100 ps here, and every 10 ps in .*a\.xtc"
    ):
        prepared(tmp_path / "out", topology, one, two, observables=CV)
    _, frames = prepared(tmp_path / "out", topology, one, two, observables=CV, frame_interval_ps=10.0)
    assert frames["segment"].tolist() == [0] * 12 + [1] * 12


def test_two_intervals_in_one_file_are_refused(tmp_path, topology, positions):
    path = write_xtc(tmp_path / "a.xtc", positions, times=[0, 1, 2, 3, 4, 14, 24, 34, 44, 54, 64, 74])
    with pytest.raises(InputError, match="frames come every 10 ps here, and every 1 ps"):
        prepared(tmp_path / "out", topology, path, observables=CV)


def test_real_times_and_placeholders_together_are_refused(tmp_path, topology, positions):
    one = write_xtc(tmp_path / "a.xtc", positions, times=10.0 * np.arange(12))
    two = write_xtc(tmp_path / "b.xtc", positions[::-1], times=np.zeros(12))
    with pytest.raises(InputError, match="one has times, and the other placeholders; say frame_interval_ps"):
        prepared(tmp_path / "out", topology, one, two, observables=CV)


@pytest.mark.slow
def test_runs_that_overlap_are_cut_with_a_count(tmp_path, topology, positions, caplog):
    """Parts that repeat the last frame of the part before, as restarts write them, or the last three."""
    times = 10.0 * np.arange(12)
    parts = [slice(0, 5), slice(4, 9), slice(6, 12)]
    paths = [write_xtc(tmp_path / f"run{k}.xtc", positions[p], times=times[p]) for k, p in enumerate(parts)]
    counts, frames = prepared(tmp_path / "out", topology, *paths, observables=CV)
    assert frames["time_ps"].tolist() == times.tolist()
    assert counts["frames_repeated"] == 4
    assert frames["frame"].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 13, 14, 15]
    assert "run2.xtc: frames that repeat the last ones of the file before are left out: 3" in caplog.text
    _, frames = prepared(tmp_path / "out", topology, *paths[:2], observables=CV, frame_interval_ps=2.0)
    assert frames["time_ps"].tolist() == [2.0 * number for number in range(9)]


def test_replicas_that_begin_anew_do_not_overlap(tmp_path, topology, positions):
    times = 10.0 * np.arange(6)
    paths = [write_xtc(tmp_path / f"r{k}.xtc", positions[6 * k : 6 * k + 6], times=times) for k in range(2)]
    counts, frames = prepared(tmp_path / "out", topology, *paths, observables=CV)
    assert len(frames) == 12
    assert "frames_repeated" not in counts
    assert frames["segment"].tolist() == [0] * 6 + [1] * 6


def test_structures_follow_no_other():
    assert [segment for _, segment in ticked([0, 1, 2], UNORDERED)] == [0, 1, 2]
    times = [time for time, _ in ticked([0, 1, 2], UNORDERED)]
    assert np.isnan(times).all()
    assert np.isnan(frame_interval(pd.DataFrame({"time_ps": times, "segment": [0, 1, 2]})))
    with pytest.raises(InputError, match="none of which follows another"):
        frame_interval(pd.DataFrame({"time_ps": [0.0, 1.0], "segment": [0, 1]}))
