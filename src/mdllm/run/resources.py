"""Jobs and GPU-hours of a run before it starts, from what a dry run of Snakemake prints."""

import re
from collections import Counter
from dataclasses import dataclass, field

from mdllm.core.errors import InputError
from mdllm.core.text_tables import aligned

_GROUP = re.compile(r"(?:\[.*\] )?Group job (\S+) \(jobs in")
_RULE = re.compile(r"(\s*)(local)?rule (\S+):$")
_RESOURCES = re.compile(r"\s+resources: (.*)$")


@dataclass
class Job:
    """One job of the scheduler: a stage, or a group of stages that run one after another."""

    name: str
    local: bool = False
    stages: list[str] = field(default_factory=list)
    gpus: int = 0
    minutes: float = 0.0

    @property
    def gpu_hours(self) -> float:
        """GPUs held for the whole time limit."""
        return self.gpus * self.minutes / 60


def jobs_of_dry_run(text: str) -> list[Job]:
    """The jobs that the output of ``snakemake --dry-run`` lists; those that run on the head node are left out.

    Raises:
        InputError: the text is no such output; it may say what went wrong.
    """
    if "This was a dry-run" not in text and "Nothing to be done" not in text:
        raise InputError(f"{text.strip()}\nno dry run has got through: pipe the output of snakemake --dry-run in here")
    jobs: list[Job] = []
    group = None
    for line in text.splitlines():
        if found := _GROUP.match(line):
            group = Job(found[1])
            jobs.append(group)
        elif found := _RULE.match(line):
            indent, local, rule = found.groups()
            if not indent:
                group = None
                jobs.append(Job(rule, local=bool(local)))
            jobs[-1].stages.append(rule)
        elif (found := _RESOURCES.match(line)) and jobs:
            resources = dict(entry.split("=", 1) for entry in found[1].split(", ") if "=" in entry)
            jobs[-1].minutes += float(resources.get("runtime", 0))
            jobs[-1].gpus = max(jobs[-1].gpus, int(resources.get("gpu", 0)))
    return [job for job in jobs if not job.local and job.stages != ["all"]]


def table(jobs: list[Job]) -> str:
    """One line per kind of job, then the sums."""
    kinds: dict[tuple, list[Job]] = {}
    for job in jobs:
        kinds.setdefault((job.name, job.gpus), []).append(job)
    rows = [("job", "jobs", "stages", "GPUs", "GPU-hours", "stages of one job")]
    for (name, gpus), members in kinds.items():
        stages = ", ".join(f"{count} {stage}" for stage, count in sorted(Counter(members[0].stages).items()))
        hours = sum(job.gpu_hours for job in members)
        rows.append((name, len(members), sum(len(job.stages) for job in members), gpus, f"{hours:.1f}", stages))
    total = sum(job.gpu_hours for job in jobs)
    rows.append(("total", len(jobs), sum(len(job.stages) for job in jobs), "", f"{total:.1f}", ""))
    bound = "GPU-hours are an upper bound: every job at its first attempt, up to its time limit (`runtime`)."
    return "\n".join([*aligned(rows), "", bound])
