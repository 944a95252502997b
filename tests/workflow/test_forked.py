"""`forked.python` is to its caller what `sys.executable` is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import forked

TELLS = """
import json, os, sys
loaded = [name for name in sys.modules if name.partition(".")[0] == "mdllm"]
print(json.dumps([sys.argv, os.getcwd(), __name__, sys.path[:2], os.environ["TOLD"], sys.stdin.read(), loaded]))
print("aside", file=sys.stderr)
"""
ENDS = {
    "exit": "sys.exit(3)",
    "words": "sys.exit('words')",
    "error": "{}['absent']",
    "killed": "os.kill(os.getpid(), 9)",
}


def called(python: str, folder, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(folder / "library"), "TOLD": "word"}
    return subprocess.run(
        [python, *arguments], cwd=folder, env=environment, input="given", capture_output=True, text=True
    )


@pytest.mark.parametrize("arguments", [("folder/tells.py", "a", "b c"), ("-m", "folder.tells", "--option")])
def test_a_call_finds_and_leaves_the_same(tmp_path, arguments):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "tells.py").write_text(TELLS)
    real, quick = (called(python, tmp_path, *arguments) for python in (sys.executable, forked.python()))
    assert quick.stdout == real.stdout != ""
    assert (quick.stderr, quick.returncode) == (real.stderr, 0)


@pytest.mark.parametrize("end", ENDS)
def test_it_ends_the_same_way(tmp_path, end):
    (tmp_path / "ends.py").write_text(f"import os, sys\nprint('before')\n{end}\n")
    real, quick = (called(python, tmp_path, "ends.py") for python in (sys.executable, forked.python()))
    assert quick.stdout == real.stdout
    assert quick.returncode == (real.returncode if real.returncode >= 0 else 128 - real.returncode)  # as of a shell
    assert real.stderr.splitlines()[-1:] == quick.stderr.splitlines()[-1:]


def test_a_signal_to_the_group_of_the_caller_ends_it(tmp_path):
    (tmp_path / "waits.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    caller = subprocess.Popen(
        [forked.python(), "waits.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True, process_group=0
    )
    child = int(caller.stdout.readline())
    assert child != caller.pid
    os.killpg(caller.pid, signal.SIGKILL)
    assert caller.wait() == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and "\nState:\tZ" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
