"""A working folder with its own config/, in which tests run the real workflow from the command line."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

import forked

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 240
CORES = "1" if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)) >= os.cpu_count() else "2"  # the others test as well
PAGE = {"page", "index"}
STAGES = {"acquire", "prepare", "tokenize", "fidelity", "train", "rollout", "decode", "analyze", "novelty", "dynamics"}
STAGES |= {"redraw", "sample_frames", "summarize", *PAGE}
DRAW = {"draw_structures", "draw_motion", "draw_training", "draw_variants_structures"}
SUMMED_UP = {"sample_frames", "summarize", *DRAW, *PAGE}  # whenever the frames have been analyzed anew
AFTER_ROLLOUT = {"decode", "analyze", "novelty", "dynamics", *SUMMED_UP}
FIGURES_ALONE = ("--snakefile", str(ROOT / "workflow" / "figures.smk"))
# Small enough for a test, and otherwise the demo: the same trajectory, tokenizer, model and stages.
SMALL = {
    "tokenizer": {"codebook_size": 64, "fit_frames": 400},
    "fidelity": {"unseen_frames": 200},
    "model": {"layers": 2, "hidden_size": 64, "intermediate_size": 128},
    "language": {"context_frames": 4},
    "training": {"max_steps": 30, "evaluate_every": 10},
    "rollout": {"frames": 16, "replicas": 4, "batch": 4, "checkpoint_every": 4},
    "redraw": {"null_groups": 10},
    "analysis": {"resamples": 100},
    "novelty": {"training_frames": 150, "held_out_frames": 150},
    "dynamics": {"frames": 150},
}

# Likewise of kinetics: stages of its system files.
SMALL_KINETICS = {
    "language": {"context_frames": 8, "judged_frames": 4, "stride": 2},
    "training": {"max_steps": 10, "evaluate_every": 5, "validation_windows": 50, "batch_size": 16},
    "rollout": {"replicas": 10, "batch": 10, "frames": 400, "keep_frames": 4, "checkpoint_every": 200},
    "kinetics": {"lags": [1, 2], "lag": 2, "commit": [1, 2], "posterior_samples": 10, "chapman_kolmogorov_steps": 2},
    "causal_trace": {"windows": 10, "frames": 6},
}


class Project:
    """A folder in which `snakemake` runs with this repository's Snakefile and profile.

    Args:
        folder: the working folder; made if it is not there.
        cache: where packaged data is cached.
        overrides: stage sections of config.yaml.
        systems: system files by name; None: the demo system of this repository, with fewer proposals of a base, from A.
        root: checkout whose Snakefile, library and profiles are used.

    Attributes:
        forks: whether Snakemake and all jobs are started by `forked.python`; what is measured is not, and what is
            compared with an undisturbed run, byte by byte, is not at least once.
    """

    forks = True

    def __init__(
        self, folder: Path, cache: Path, overrides: dict, systems: dict[str, dict] | None = None, root: Path = ROOT
    ):
        self.folder, self.root, self.cache = folder, root, cache
        (folder / "config" / "systems").mkdir(parents=True, exist_ok=True)
        shutil.copytree(ROOT / "config" / "presets", folder / "config" / "presets", dirs_exist_ok=True)
        if systems is None:
            system = yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())
            del system["variants"]["base_from_b"]
            system["variants"]["base"]["rollout"] = {"replicas": 4, "frames": 4}
            self.write("config/systems/trp_cage.yaml", system)
        for name, content in (systems or {}).items():
            self.write(f"config/systems/{name}.yaml", content)
        self.write("config/config.yaml", {"systems": list(systems or ["trp_cage"]), "overrides": overrides})

    def read(self, path: str) -> dict:
        return yaml.safe_load((self.folder / path).read_text())

    def write(self, path: str, content: dict) -> None:
        (self.folder / path).write_text(yaml.safe_dump(content, sort_keys=False))

    def command(self, *arguments: str) -> list[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(self.root / "Snakefile")]
        return [*snakemake, "--profile", str(self.root / "profiles" / "local"), "--cores", CORES, *arguments]

    def environment(self) -> dict[str, str]:
        chosen = {"MDLLM_CACHE": str(self.cache), "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        chosen["PYTHONDONTWRITEBYTECODE"] = ""  # every job would compile the library anew
        return os.environ | chosen

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        """The running workflow, in a process group of its own, its output in `snakemake.out`."""
        command = self.command(*arguments)
        if self.forks:
            command[0] = forked.python()
        with open(self.folder / "snakemake.out", "w") as out:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment() | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def run(self, *arguments: str, ok: bool = True) -> str:
        """What the workflow printed; fails the test if it does not end as expected."""
        quick = self.forks or {"--dry-run", "--unlock"} & set(arguments)
        result = self.process(*arguments, python=forked.python() if quick else sys.executable)
        assert (result.returncode == 0) == ok, result.stdout[-6000:]
        return result.stdout

    def process(self, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess:
        """A call, by itself in processes that share nothing with others, and what it has printed."""
        command = [python if word == sys.executable else word for word in self.command(*arguments)]
        places = {"cwd": self.folder, "env": self.environment()}
        return subprocess.run(command, **places, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def would_run(self, *arguments: str) -> set[str]:
        """Names of the rules that a dry run lists, without targets."""
        return rules_in(self.run("--quiet", "host", "--dry-run", *arguments))


def rules_in(listed: str) -> set[str]:
    """Names of the rules in what a dry run has printed, without targets."""
    rules = {line.split()[1].rstrip(":") for line in listed.splitlines() if line.startswith(("rule ", "localrule "))}
    return rules - {"all", "figures", "report"}


FRAMES = ("raw", "frames")
TOKENS = (*FRAMES, "main/tokens")


def copy_of_checkout(folder: Path) -> Path:
    """What the workflow needs of this repository, for tests that change it."""
    for part in ("src", "workflow", "profiles", "config", "envs"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def copy_of(finished: Project, folder: Path, *parts: str, **overrides) -> Project:
    """A project that has only these parts of the results of a finished one of the demo system; the rest is to do.

    Args:
        parts: folders below `results/trp_cage`.
        overrides: stage sections, merged into those of SMALL.
    """
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns("results", "logs"), dirs_exist_ok=True)
    for part in parts:
        shutil.copytree(*(project / "results" / "trp_cage" / part for project in (finished.folder, folder)))
    merged = {name: {**SMALL.get(name, {}), **overrides.get(name, {})} for name in {**SMALL, **overrides}}
    return Project(folder, finished.cache, merged, root=finished.root)


def kill_when(project: Project, target: str, reached: Callable[[], bool]) -> None:
    """Start the workflow and SIGKILL it, head process and jobs, as soon as `reached()`; then free the lock."""
    process = project.start(target)
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        ended = process.poll()
        assert ended is None, f"ended with {ended} first:\n" + (project.folder / "snakemake.out").read_text()[-4000:]
        assert time.monotonic() < deadline, (
            "never got there:\n" + (project.folder / "snakemake.out").read_text()[-4000:]
        )
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    project.run("--unlock")


def small_kinetics(name: str, **source) -> dict:
    """A system of this repository, with less of everything and the physics as it is."""
    content = yaml.safe_load((ROOT / "config" / "systems" / f"{name}.yaml").read_text())
    content["source"].update(source)
    for section, values in SMALL_KINETICS.items():
        content["stages"].setdefault(section, {}).update(values)
    for overrides in content["variants"].values():
        overrides.pop("training", None)
    return content
