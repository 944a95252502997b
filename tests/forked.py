"""Snakemake without the second that every process takes to import it: for calls that run no job.

A process that has imported Snakemake, and nothing of mdllm, forks for each call. The child is what
``python -m snakemake ARGUMENTS`` is: it has that working directory, that environment, that output, and it ends.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


def snakemake(arguments: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """A call, and what it has printed."""
    server = _server()
    with tempfile.NamedTemporaryFile("r") as printed:
        print(json.dumps([arguments, str(folder), environment, printed.name]), file=server.stdin, flush=True)
        return subprocess.CompletedProcess(arguments, int(server.stdout.readline()), printed.read())


@cache
def _server() -> subprocess.Popen:
    command = [sys.executable, "-P", __file__]  # -P: this folder is not on the path
    environment = {**os.environ, "PYTHONPATH": ""}
    server = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)  # at the end of its input it ends
    return server


def _serve() -> None:
    from snakemake import cli

    cli.get_argument_parser()  # finds the plugins
    for line in sys.stdin:
        child = os.fork()
        if not child:
            arguments, folder, environment, output = json.loads(line)
            _redirect(output)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            sys.path[:0] = [folder, *filter(None, environment["PYTHONPATH"].split(os.pathsep))]
            sys.argv = ["snakemake", *arguments]
            sys.exit(cli.main(arguments))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _redirect(output: str) -> None:
    for stream, file, mode in ((0, os.devnull, os.O_RDONLY), (1, output, os.O_WRONLY)):
        opened = os.open(file, mode)
        os.dup2(opened, stream)
        os.close(opened)
    os.dup2(1, 2)


if __name__ == "__main__":
    _serve()
