"""`gpu: 2` alone divides the training among two processes, here on the CPU: one log, one record, and no way to hang."""

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from mdllm.core.records import read_json, sha256
from project import TOKENS, Project, copy_of

MAIN = "results/trp_cage/main"
TARGET = f"{MAIN}/training_log.csv"
FINAL = [TARGET, f"{MAIN}/model/model.safetensors"]
PATIENCE_S = 240
# A process that has this on its path says whether it trains, or has started those which do, and stands still as it is
# about to mark its first checkpoint: the few steps that are left then cannot be over before a signal has come.
STANDING = """
import os, signal, sys
stood = []
if "train-process" in sys.orig_argv:
    open(f"{'launcher' if 'accelerate.commands.launch' in sys.orig_argv else 'training'}-{os.getpid()}", "w").close()

def stand_still(event, arguments):
    if event == "open" and str(arguments[0]).endswith("/complete") and not stood:
        stood.append(True)
        os.kill(os.getpid(), signal.SIGSTOP)

sys.addaudithook(stand_still)
"""


def on_gpus(number: int) -> list[str]:
    return ["--set-resources", f"train:gpu={number}", "--set-threads", f"train={number}", "--", TARGET]


def checksums(project) -> list[str]:
    return [sha256(project.folder / path) for path in FINAL]


@pytest.fixture(scope="module")
def on_two(finished, tmp_path_factory) -> Project:
    """A training that two processes have shared, and nothing has disturbed."""
    project = copy_of(finished, tmp_path_factory.mktemp("on_two") / "p", *TOKENS)
    project.run(*on_gpus(2))
    return project


def test_two_processes_share_the_training_of_one(on_two, finished):
    made, expected = (pd.read_csv(project.folder / TARGET) for project in (on_two, finished))
    assert made["step"].tolist() == expected["step"].tolist()
    assert made["training_loss"].tolist() == pytest.approx(expected["training_loss"].tolist(), rel=1e-3)
    records = [read_json(project.folder / MAIN / "model" / "provenance.json") for project in (on_two, finished)]
    assert [record["processes"] for record in records] == [2, 1]
    assert records[0]["inputs_sha256"] == records[1]["inputs_sha256"]
    log = (on_two.folder / "logs/trp_cage/main/train.log").read_text()
    assert log.count("validation loss") == 1
    assert not list((on_two.folder / MAIN / ".work").glob("*"))


def processes(project, kind: str) -> list[int]:
    """Ids of the processes in this project that train, or of that which has started them, as long as they run."""
    named = [int(file.name.split("-")[1]) for file in project.folder.glob(f"{kind}-*")]
    return [process for process in named if Path(f"/proc/{process}").exists()]


def awaits(process: int, number: signal.Signals) -> bool:
    """Whether a signal waits for a process that stands still, or has ended it."""
    try:
        pending = re.findall(r"(?:SigPnd|ShdPnd):\s+(\w+)", Path(f"/proc/{process}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return True
    return any(int(mask, 16) >> (number - 1) & 1 for mask in pending)


def stands_still(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    except (FileNotFoundError, ProcessLookupError):
        return False


def stop_at_a_checkpoint(project, victim: Callable[[], int], number: signal.Signals) -> str:
    """Send the signal to the process that `victim` picks: the log of the stage, once the workflow has failed.

    The first process stands still at its first checkpoint until the signal has arrived, and the others wait for it.
    """
    (project.folder / "sitecustomize.py").write_text(STANDING)
    head = project.start(*on_gpus(2), PYTHONPATH=str(project.folder))
    deadline = time.monotonic() + PATIENCE_S
    while not any(map(stands_still, training := processes(project, "training"))):
        assert head.poll() is None, (project.folder / "snakemake.out").read_text()[-4000:]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (still,) = filter(stands_still, training)
    chosen = victim()
    os.kill(chosen, number)
    while chosen not in training and not awaits(still, number):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.kill(still, signal.SIGCONT)
    assert head.wait(PATIENCE_S) != 0
    assert processes(project, "training") == []
    return (project.folder / "logs/trp_cage/main/train.log").read_text()


def test_sigterm_is_a_checkpoint_of_all_and_one_process_killed_ends_the_job(on_two, finished, tmp_path):
    project = copy_of(finished, tmp_path / "p", *TOKENS)
    project.forks = False
    log = stop_at_a_checkpoint(project, lambda: processes(project, "launcher")[0], signal.SIGTERM)
    assert log.count("stopped by SIGTERM at step") == 1
    project.forks = True
    stop_at_a_checkpoint(project, lambda: max(processes(project, "training")), signal.SIGKILL)
    project.run(*on_gpus(2))
    assert checksums(project) == checksums(on_two)
