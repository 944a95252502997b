"""The workflow of a test project through SLURM, with this repository's profile and the values of the test cluster."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import yaml

from project import ROOT, SMALL, Project
from slurm.cluster import Cluster

GPU_STAGES = ("rule_train", "rule_rollout")
# Before the GPU; redrawing; training; rollout; after the GPU; figure of the variants; page; index.
JOBS_OF_A_MODEL = 8
# Its redrawing, and what is after the GPU; it has its share of the job before it.
JOBS_WITH_A_BASE = JOBS_OF_A_MODEL + 2
PROFILE = ROOT / "profiles" / "slurm" / "config.yaml"


class SlurmProject(Project):
    """A project whose jobs go to `cluster`.

    What a user sets in the profile is set here: the account, and sizes that fit the nodes (2 cores, 4 GB). SLURM is
    asked more often, since jobs are short. Everything else is the profile as it stands. `profile` holds its content;
    `save_profile` writes changes of it.
    """

    forks = False

    def __init__(self, folder: Path, cache: Path, overrides: dict, cluster: Cluster, systems: dict | None = None):
        super().__init__(folder, cache, overrides, systems)
        self.cluster = cluster
        self.profile = yaml.safe_load(PROFILE.read_text())
        self.profile["default-resources"].update(slurm_account="lab", mem_mb=1000)
        for resources in self.profile["set-resources"].values():
            if "mem_mb" in resources:
                resources["mem_mb"] = 2000
        self.profile["set-threads"] = dict.fromkeys(self.profile["set-threads"], 1)
        self.profile["jobs"] = 100
        self.profile["cores"] = 2
        self.profile["latency-wait"] = 10
        self.profile["slurm-init-seconds-before-status-checks"] = 1
        self.save_profile()

    def save_profile(self) -> None:
        (self.folder / "profile").mkdir(exist_ok=True)
        self.write("profile/config.yaml", self.profile)

    def one_job_per_system(self) -> None:
        """All stages of a system in one group on the CPU partition, as in docs/cluster.md for many small systems."""
        self.profile["groups"] = dict.fromkeys(
            [*self.profile["groups"], "train", "rollout", "draw_variants_structures"], "system"
        )
        del self.profile["set-resources"]
        self.save_profile()

    def command(self, *arguments: str) -> list[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        return [*snakemake, "--profile", "profile", *arguments]

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        # A shell starts its background processes deaf to Ctrl-C, and they hand that down.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return super().start(*arguments, **environment)

    def printed(self) -> str:
        """What the workflow that `start` began has printed until now."""
        return (self.folder / "snakemake.out").read_text()

    def jobs(self) -> list[dict[str, str]]:
        """The jobs of this project: id, state, partition, GPUs, node, and the rule or group."""
        jobs = []
        for line in self.cluster.run("scontrol", "--oneliner", "show", "jobs").splitlines():
            entries = dict(entry.split("=", 1) for entry in line.split() if "=" in entry)
            keys = {"id": "JobId", "state": "JobState", "partition": "Partition"}
            keys |= {"gpus": "TresPerJob", "node": "NodeList", "rule": "Comment"}
            if entries.get("WorkDir") == str(self.folder):
                jobs.append({key: entries.get(name, "") for key, name in keys.items()})
        return jobs

    def job(self, number: str) -> dict[str, str]:
        """The job with the id `number`."""
        return next(job for job in self.jobs() if job["id"] == number)

    @staticmethod
    def interrupt(head: subprocess.Popen, number: int = signal.SIGINT) -> None:
        """One signal to the process group of the head, as a terminal sends it."""
        os.killpg(head.pid, number)


def run_demo(folder, cache, cluster, with_a_base: bool) -> SlurmProject:
    """The demo through SLURM, of one model, and maybe a base; GPUs are given to the GPU stages and to no others."""
    project = SlurmProject(folder, cache, SMALL, cluster)
    system = project.read("config/systems/trp_cage.yaml")
    system["variants"] = {"base": system["variants"]["base"]} if with_a_base else {}
    project.write("config/systems/trp_cage.yaml", system)
    project.run()
    assert len(project.jobs()) == (JOBS_WITH_A_BASE if with_a_base else JOBS_OF_A_MODEL)
    for job in project.jobs():
        assert job["state"] == "COMPLETED"
        on_gpu = job["rule"].startswith(GPU_STAGES)
        assert job["gpus"] == ("gres:gpu:a100:1" if on_gpu else "")
        assert job["partition"] == ("gpu" if on_gpu else "cpu")
    return project
