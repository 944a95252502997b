"""`forked.python` is to its caller what `sys.executable` is."""

import os
import subprocess
import sys

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
