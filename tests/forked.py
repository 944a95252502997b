"""A Python without the seconds that every process takes to import others' libraries.

A process that has imported what the library imports of others, and Snakemake, forks for each call. The child is what
``python -m MODULE ...`` or ``python SCRIPT ...`` is: it has that working directory, that environment, those streams,
and it ends. It imports mdllm from its own path; if that leads to this checkout, what plans and stages begin with is
there already. `python` is the program to call in place of `sys.executable`, and what the child starts by that name is
forked as well.

The child is in the process group of its caller, or of another session: it gets the SIGTERM of the caller, and ends with
it. And all children have one seed of hashes: where the bytes of two runs are compared, one of them is run with
`sys.executable`.
"""

import ast
import atexit
import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[1] / "src"
# What those that the library imports import when they are first used.
LATER = ("matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf", "nbformat", "parmed", "pyarrow.dataset")
LATER += ("pyarrow.vendored.version", "scipy.cluster", "smart_open")
# What plans and stages of the library begin with; of none of it others' libraries keep anything.
OURS = ("bases.config", "config.collections", "config.plan", "config.studies", "page.registry", "report.schema")
OURS += ("run.stage", "seqdance.config")
_PROGRAM = "FORKED_PYTHON"
CALL = """#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps([os.getpgrp(), sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    child = int(server.recv(8))
    def pass_on(number, frame):
        if os.getpgid(child) != os.getpgrp():
            os.kill(child, number)
    signal.signal(signal.SIGTERM, pass_on)
    sys.exit(int(server.recv(8)))
"""


def python() -> str:
    """The program; what it calls runs as long as this process does, and processes that this one starts share it."""
    if _PROGRAM not in os.environ:
        folder = tempfile.TemporaryDirectory()
        program, address = Path(folder.name) / "python", str(Path(folder.name) / "socket")
        program.write_text(CALL.format(python=sys.executable, address=address))
        program.chmod(0o755)
        environment = {**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "", "OMP_NUM_THREADS": "1"}
        with socket.socket(socket.AF_UNIX) as listener:  # those who call early wait for an answer
            listener.bind(address)
            listener.listen()
            # -P: this folder is not on the path.
            server = subprocess.Popen(
                [sys.executable, "-P", __file__, program, str(listener.fileno())],
                env=environment,
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
            )
        atexit.register(folder.cleanup)
        atexit.register(server.communicate)  # at the end of its input it ends
        os.environ[_PROGRAM] = str(program)
    return os.environ[_PROGRAM]


def _serve(program: str, listening: str) -> None:
    gc.disable()  # nothing of what is imported is garbage
    import_of_others()
    sys.meta_path.insert(0, Imported())
    gc.freeze()  # or every child would copy what it looks through
    gc.set_threshold(20_000, 20, 50)
    gc.enable()
    listener, asked = socket.socket(fileno=int(listening)), select.poll()
    asked.register(listener, select.POLLIN)
    asked.register(sys.stdin, select.POLLIN)
    running, ended = {}, {}  # calls by their connection, and by what tells that they have ended
    while True:
        for ready, _ in asked.poll():
            if ready == sys.stdin.fileno():
                for child, *_ in running.values():
                    os.kill(child, signal.SIGKILL)
                return
            if ready == listener.fileno():
                connection, _ = listener.accept()
                child = os.fork()
                if not child:
                    _answer(connection, program, [listener, *(other for _, _, other in running.values())])
                call = (child, os.pidfd_open(child), connection)
                running[connection.fileno()] = ended[call[1]] = call
                asked.register(call[1], select.POLLIN)
                asked.register(connection, 0)  # tells that the caller is gone without being asked to
                with contextlib.suppress(ConnectionError):
                    connection.sendall(f"{child:8}".encode())
            elif ready in ended:
                child, _, connection = ended.pop(ready)
                status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                with contextlib.suppress(ConnectionError):  # nobody waits for it any longer
                    connection.sendall(str(status if status >= 0 else 128 - status).encode())
                if running.pop(connection.fileno(), None):
                    asked.unregister(connection)
                connection.close()
                asked.unregister(ready)
                os.close(ready)
            elif ready in running:
                asked.unregister(ready)
                os.kill(running.pop(ready)[0], signal.SIGKILL)


def import_of_others() -> None:
    """All that the modules of the library import when they are imported."""
    for file in LIBRARY.rglob("*.py"):
        for node in ast.parse(file.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            if names and not any(name.startswith("mdllm") for name in names):
                with contextlib.suppress(ImportError):  # of an extra that is not installed
                    exec(compile(ast.Module([node], []), str(file), "exec"), {})
    for name in LATER:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    from snakemake import cli, script  # noqa: F401

    cli.get_argument_parser()  # finds the plugins
    for finalizer in weakref.finalize._registry:  # what has been imported need not be cleared away by each child
        finalizer.atexit = False


class Imported(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives `OURS` to a child whose path leads to this checkout and which no other package adds to."""

    def __init__(self):
        sys.path.insert(0, str(LIBRARY))
        for name in OURS:
            importlib.import_module(f"mdllm.{name}")
        parts = (file.relative_to(LIBRARY).with_suffix("").parts for file in LIBRARY.glob("mdllm/**/*.py"))
        sys.modules["mdllm.run.code"].code_digest(*(".".join(p) for p in parts if p[-1] != "__init__"))
        sys.path.remove(str(LIBRARY))
        names = [name for name in sys.modules if name.split(".")[0] == "mdllm"]
        self._modules = {name: sys.modules.pop(name) for name in names}

    def find_spec(self, name, path=None, target=None):
        if name != "mdllm":
            return None
        sys.meta_path.remove(self)
        found, own = importlib.machinery.PathFinder.find_spec(name), self._modules[name].__spec__
        if found is None or found.origin != own.origin or os.environ.get("PYTHONPATH", "") not in ("", str(LIBRARY)):
            return None
        return importlib.util.spec_from_loader(name, self, origin=own.origin, is_package=True)

    def create_module(self, spec):
        self._own = self._modules[spec.name].__spec__
        return self._modules[spec.name]

    def exec_module(self, module):
        module.__spec__ = self._own
        sys.modules.update(self._modules)


def _answer(connection: socket.socket, program: str, of_others: list[socket.socket]) -> None:
    """Run the call, and end as it does."""
    for other in of_others:
        other.close()
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    group, *called = json.loads(b"".join(iter(lambda: connection.recv(1 << 16), b"")))
    connection.close()
    with contextlib.suppress(PermissionError, ProcessLookupError):  # of another session, or it has ended
        os.setpgid(0, group)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    status = _status_of(*called, program)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # without the half second that Python takes to clear thousands of modules away


def _status_of(*call) -> int:
    """What Python makes of the end of a program."""
    try:
        _run(*call)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _run(arguments: list[str], folder: str, environment: dict[str, str], program: str) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.executable, sys.orig_argv = program, [program, *arguments]
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.modules.pop("sitecustomize", None)
    with contextlib.suppress(ImportError):
        importlib.import_module("sitecustomize")
    match arguments[arguments[0] == "-u" :]:  # how torch starts processes
        case ["-m", module, *rest]:
            sys.path.insert(0, folder)
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case [script, *rest] if not script.startswith("-"):
            sys.path.insert(0, str(Path(script).resolve().parent))
            sys.argv = [script, *rest]
            runpy.run_path(script, run_name="__main__")
        case _:
            raise ValueError(f"{arguments} is no call of a module or a script")


if __name__ == "__main__":
    _serve(*sys.argv[1:])
