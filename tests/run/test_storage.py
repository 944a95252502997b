"""A file system that fails under a stage: said in words, whatever the library that wrote makes of it."""

import errno
import logging
import os
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from mdllm.core.records import write_npz
from mdllm.core.trajectories import TrajectoryWriter
from mdllm.prepare.frames import FrameTable
from mdllm.run.stage import _LogFile, stage
from mdllm.run.storage import explain


def xtc(folder):
    with TrajectoryWriter(folder / "a.xtc") as writer:
        for chunk in np.random.default_rng(0).normal(size=(20, 100, 80, 3)):
            writer.write(chunk, np.arange(100.0))


def parquet(folder):
    with FrameTable(folder / "a.parquet") as table:
        for column in np.random.default_rng(0).normal(size=(30, 5000)):
            table.append({"x": column})


WRITERS = {
    "an XTC file": xtc,
    "parquet": parquet,
    "CSV": lambda folder: pd.DataFrame({"x": np.random.default_rng(0).normal(size=100000)}).to_csv(folder / "a.csv"),
    "npz": lambda folder: write_npz(folder / "a.npz", a=np.random.default_rng(0).normal(size=100000)),
    "safetensors": lambda folder: save_file({"a": torch.rand(200000)}, folder / "a.safetensors"),
    "torch": lambda folder: torch.save(torch.rand(200000), folder / "a.pt"),
    "numpy": lambda folder: np.save(folder / "a.npy", np.random.default_rng(0).normal(size=100000)),
}


@pytest.fixture(autouse=True)
def logs_are_closed():
    """A stage has its process for itself and leaves its log open; on a disk that has gone, here."""
    yield
    for handler in [handler for handler in logging.getLogger().handlers if isinstance(handler, _LogFile)]:
        logging.getLogger().removeHandler(handler)


def places(folder, logs):
    return {"output": folder / "provenance.json", "log": logs / "x.log", "settings": {}, "inputs": {}}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_full_disk_is_told_and_no_defect(small_disk, tmp_path, capsys, write):
    with pytest.raises(SystemExit) as ended, stage("x", **places(small_disk.folder, tmp_path / "logs")):
        write(small_disk.folder)
    assert ended.value.code == 1
    said = (tmp_path / "logs" / "x.log").read_text()
    assert f"x: the disk is full: {small_disk.folder}" in said
    assert "of 0.3 MB are free there. Make room, and give the same command again" in said
    assert "Traceback" not in said + capsys.readouterr().err


def test_a_log_on_the_full_disk_is_no_traceback_either(small_disk, capsys):
    with pytest.raises(SystemExit), stage("x", **places(small_disk.folder, small_disk.folder / "logs")):
        WRITERS["torch"](small_disk.folder)
    said = capsys.readouterr().err
    assert "x: the disk is full" in said
    assert "Traceback" not in said


def test_no_room_for_the_record_itself(small_disk, tmp_path, capsys):
    with pytest.raises(SystemExit), stage("x", **places(small_disk.folder, tmp_path / "logs")) as running:
        running.note(text="x" * 400_000)
    assert f"x: the disk is full: {small_disk.folder}" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["results", "logs"])
def test_a_disk_that_is_only_read(small_disk, tmp_path, capsys, place):
    (small_disk.folder / "old").mkdir()
    small_disk.change("ro")
    folders = {"results": tmp_path / "results", "logs": tmp_path / "logs", place: small_disk.folder / "new"}
    with pytest.raises(SystemExit), stage("x", **places(folders["results"], folders["logs"])):
        folders["results"].mkdir()
    said = capsys.readouterr().err
    assert f"{small_disk.folder}/new: Read-only file system. Let this user" in said
    assert "Traceback" not in said


def test_a_defect_on_a_disk_with_room_is_a_defect(tmp_path):
    for error in (ZeroDivisionError(), OSError("1000 requested and 10 written"), FileNotFoundError(2, "No", "x")):
        assert explain(error, [tmp_path]) is None


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, r"^/data/x: Permission denied. Let this user \(id \d+\) read and write there"),
        (errno.EPERM, r"^/data/x: Operation not permitted. Let this user"),
        (errno.EDQUOT, r"^the disk quota is used up: /data/x could not be written, and [\d.]+ of [\d.]+ MB are free"),
        (errno.ESTALE, r"^/data/x: Stale file handle: its file system fails or is gone. See that it is back \(`df "),
        (errno.ENOTCONN, r"^/data/x: Transport endpoint is not connected: its file system fails or is gone"),
        (errno.EIO, r"^/data/x: Input/output error: its file system fails or is gone"),
    ],
)
def test_what_else_a_file_system_says(tmp_path, number, message):
    """Also where another error was raised from it."""
    error = RuntimeError("checkpoint failed")
    error.__cause__ = OSError(number, os.strerror(number), "/data/x")
    for raised in (error, error.__cause__):
        said = explain(raised, [tmp_path])
        assert re.search(message, said), said
        assert said.endswith("and the rest goes on from there")


def test_the_end_of_a_short_xtc_file_is_not_lost_in_silence(small_disk):
    """What lies in the writer's buffer when a file is closed fails without a word."""
    filling, frames = small_disk.folder / "filling", np.random.default_rng(0).normal(size=(30, 20, 3))
    filling.write_bytes(b"x" * shutil.disk_usage(small_disk.folder).free)
    for count in (3, 30):
        with pytest.raises(OSError, match="frames written"), TrajectoryWriter(small_disk.folder / "a.xtc") as writer:
            writer.write(frames[:count], np.arange(float(count)))
        os.truncate(filling, filling.stat().st_size - 4096)
