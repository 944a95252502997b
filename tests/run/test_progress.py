"""What a running stage shows to other processes."""

import os
import subprocess
import sys
import time

import pytest
from tqdm import tqdm

from mdllm.run import progress
from mdllm.run.progress import ENDING, Progress, shown
from project import ROOT


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_EVERY_S", 0.02)
    return tmp_path / "logs" / f"train{ENDING}"


def wait_for(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_says_how_far_the_progress_bar_is(path):
    with shown(path, "train"), tqdm(total=40, desc="train", unit="step", initial=10) as bar:
        bar.update(15)
        wait_for(lambda: Progress.read(path).done == 25)
        found = Progress.read(path)
    assert (found.stage, found.what, found.total, found.unit) == ("train", "train", 40, "step")
    assert found.share == 25 / 40
    assert found.process == os.getpid()
    assert found.seconds_left == pytest.approx(found.elapsed.total_seconds(), abs=2)  # 15 done here, 15 left
    assert not path.exists()


def test_it_is_renewed_and_goes_with_the_stage_that_fails(path):
    def fail() -> None:
        first = Progress.read(path)
        wait_for(lambda: Progress.read(path).updated > first.updated)
        assert first.done is None
        assert Progress.read(path).alive
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), shown(path, "train"):
        fail()
    assert Progress.read(path) is None


def test_a_killed_process_leaves_it_and_is_not_alive(path):
    lines = ["import sys, pathlib", "from mdllm.run.progress import shown"]
    lines.append("with shown(pathlib.Path(sys.argv[1]), 'train'): input()")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines), str(path)], stdin=subprocess.PIPE, env=environment
    )
    wait_for(path.exists)
    assert Progress.read(path).alive
    process.kill()
    wait_for(lambda: not Progress.read(path).alive)  # before anybody has taken note of its end
    process.wait()
    assert not Progress.read(path).alive
