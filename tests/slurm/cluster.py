"""A SLURM cluster on one host, for tests: two CPU nodes and two nodes with two pretended A100s each.

``python tests/slurm/cluster.py start FOLDER [--accounting]`` starts it, ``stop FOLDER`` ends the daemons that were
started there, by their process ids. Configuration, state, keys and logs lie in FOLDER; on the host there is only the
link /etc/slurm/slurm.conf, for as long as the cluster runs (the jobs' srun looks nowhere else). Root, and Debian's
packages slurm-wlm and munge, are needed; for accounting slurmdbd and mariadb-server as well.
"""

import argparse
import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

LINK = Path("/etc/slurm/slurm.conf")
TEMPLATES = Path(__file__).parent / "conf"
NODES = ("cpu1", "cpu2", "gpu1", "gpu2")
GPUS_PER_NODE = 2
_PROGRAMS = {False: ("munged", "slurmctld", "slurmd"), True: ("slurmdbd", "mariadbd", "mariadb-install-db")}
_PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])


def missing(accounting: bool = False) -> str | None:
    """Why no cluster can be started here, or None."""
    if os.geteuid() != 0:
        return "a test cluster is started by root only"
    if os.path.lexists(LINK):
        return f"{LINK} exists: this host belongs to a cluster already"
    programs = _PROGRAMS[False] + (_PROGRAMS[True] if accounting else ())
    absent = [program for program in programs if shutil.which(program, path=_PATH) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


def processes_with(variable: str) -> list[int]:
    """Ids of the processes whose environment has `variable` (NAME=VALUE)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):  # it has ended, or is none of ours
            continue
    return found


def parent_of(process: int) -> int:
    """Id of the parent of a process; 0 where it has ended."""
    with contextlib.suppress(FileNotFoundError):
        return int(re.search(r"PPid:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1])
    return 0


def name_of(process: int) -> str:
    """Name of the program of a process; empty where it has ended."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{process}/comm").read_text().strip()
    return ""


class Cluster:
    """The daemons of one test cluster, all in one folder.

    Args:
        folder: short, since sockets lie in it.
        accounting: with MariaDB and slurmdbd, so that sacct answers.
    """

    def __init__(self, folder: Path, accounting: bool = False):
        self.folder, self.accounting = Path(folder).resolve(), accounting

    def start(self) -> None:
        (self.folder / "state").mkdir(parents=True)
        self._configure()
        self._munge()
        if self.accounting:
            self._database()
        self._daemon("slurmctld", "-i", "-f", str(self.folder / "slurm.conf"))
        for node in NODES:
            self.start_node(node)
        self._wait(lambda: len(self.idle_nodes()) == len(NODES), "not all nodes are idle: " + self.run("sinfo"))

    def start_node(self, node: str) -> None:
        (self.folder / f"spool.{node}").mkdir(exist_ok=True)
        self._daemon("slurmd", "-N", node, "-f", str(self.folder / "slurm.conf"))

    def kill_node(self, node: str) -> None:
        """SIGKILL to the daemon of a node and to all that runs there, as when the power fails."""
        jobs = processes_with(f"SLURMD_NODENAME={node}")
        keepers = [parent for parent in map(parent_of, jobs) if name_of(parent) == "slurmstepd"]
        for process in (int((self.folder / f"slurmd.{node}.pid").read_text()), *keepers, *jobs):
            with contextlib.suppress(ProcessLookupError):  # gone with its parent
                os.kill(process, signal.SIGKILL)

    def idle_nodes(self) -> list[str]:
        return sorted(set(self.run("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N").split()))

    def run(self, *command: str) -> str:
        """What a command of SLURM prints."""
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def stop(self) -> None:
        """End all daemons, wait until they are gone, and remove the link."""
        LINK.unlink(missing_ok=True)
        for name in ("slurmd.*", "slurmctld", "slurmdbd", "mariadb", "munged"):
            for file in self.folder.glob(f"{name}.pid"):
                self._end(int(file.read_text()))

    def _configure(self) -> None:
        values = {"@HOST@": socket.gethostname().split(".")[0], "@FOLDER@": str(self.folder)}
        values["@STORAGE@"] = "slurmdbd" if self.accounting else "none"
        for template in TEMPLATES.glob("*.conf"):
            text = template.read_text()
            for key, value in values.items():
                text = text.replace(key, value)
            target = self.folder / template.name
            target.write_text(text)
            target.chmod(0o600 if template.stem == "slurmdbd" else 0o644)
        LINK.parent.mkdir(exist_ok=True)
        LINK.symlink_to(self.folder / "slurm.conf")
        for number in range(GPUS_PER_NODE):
            os.mknod(self.folder / f"gpu{number}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))

    def _munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        files = {"key-file": key, "socket": "munge.socket", "pid-file": "munged.pid", "log-file": "munged.log"}
        files["seed-file"] = "munged.seed"
        options = [f"--{option}={self.folder / name}" for option, name in files.items()]
        self._daemon("munged", "--force", *options)

    def _database(self) -> None:
        data, log = self.folder / "database", self.folder / "mariadb.log"
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root", "--skip-test-db"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        files = {"datadir": data, "socket": self.folder / "mariadb.socket", "pid-file": self.folder / "mariadb.pid"}
        options = [f"--{option}={path}" for option, path in files.items()]
        with open(log, "w") as out:
            subprocess.Popen(
                ["mariadbd", "--no-defaults", "--user=root", "--skip-networking", *options],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._wait((self.folder / "mariadb.socket").exists, f"no database, see {log}")
        grant = (
            "create user 'slurm'@'localhost' identified by 'toy'; grant all on slurm_acct_db.* to 'slurm'@'localhost'"
        )
        subprocess.run(["mariadb", f"--socket={files['socket']}", "-e", grant], check=True)
        # slurmdbd looks for its own configuration beside slurm.conf.
        places = {"MYSQL_UNIX_PORT": str(files["socket"]), "SLURM_CONF": str(self.folder / "slurm.conf")}
        self._daemon("slurmdbd", **places)
        self._wait(lambda: "Cluster" in self._accounts("show", "cluster"), "slurmdbd does not answer")
        for new in (("cluster", "toy"), ("account", "lab", "Cluster=toy"), ("user", "root", "Account=lab")):
            self._accounts("-i", "add", *new)

    def _accounts(self, *arguments: str) -> str:
        return subprocess.run(["sacctmgr", *arguments], capture_output=True, text=True).stdout

    def _daemon(self, *command: str, **variables: str) -> None:
        environment = {**os.environ, "PATH": _PATH, **variables}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

    @staticmethod
    def _wait(ready, otherwise: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise TimeoutError(otherwise)
            time.sleep(0.2)

    @staticmethod
    def _end(process: int) -> None:
        try:
            os.kill(process, signal.SIGTERM)
            for _ in range(100):
                time.sleep(0.1)
                os.kill(process, 0)
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("start", "stop"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accounting", action="store_true", help="with MariaDB and slurmdbd")
    chosen = parser.parse_args()
    cluster = Cluster(chosen.folder, chosen.accounting)
    if chosen.action == "stop":
        cluster.stop()
        return
    if reason := missing(chosen.accounting):
        parser.error(reason)
    cluster.start()
    print(cluster.run("sinfo"))


if __name__ == "__main__":
    main()
