"""A running test cluster, and a project in which only the GPU stages are left to do."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from project import SMALL, Project
from slurm.cluster import Cluster, missing
from slurm.slurm_project import SlurmProject

# Long enough to be disturbed: a checkpoint every second or so, for about a minute.
LONG = {**SMALL, "training": {"max_steps": 500, "evaluate_every": 10, "patience": 1000}}


def running_cluster(accounting: bool):
    if reason := missing(accounting):
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    cluster = Cluster(folder / "c", accounting)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cluster():
    yield from running_cluster(accounting=False)


@pytest.fixture(scope="module")
def accounting_cluster():
    yield from running_cluster(accounting=True)


@pytest.fixture(scope="session")
def tokenized(tmp_path_factory, cache, trp_cage_files) -> Path:
    """Folder of a project with tokens and a passed fidelity, made on this host without SLURM."""
    project = Project(tmp_path_factory.mktemp("tokenized") / "p", cache, LONG)
    project.run("results/trp_cage/main/tokens/fidelity.json")
    return project.folder


@pytest.fixture
def project(tokenized, tmp_path, cache, cluster) -> SlurmProject:
    """A copy of `tokenized` whose further stages go to the cluster."""
    shutil.copytree(tokenized, tmp_path / "p")
    return SlurmProject(tmp_path / "p", cache, LONG, cluster)


@pytest.fixture(scope="session")
def events(request):
    """Rows of the table in docs/cluster.md; set into the page that MDLLM_EVENTS_TABLE names, if no test has failed."""
    rows: list[tuple[str, str, str]] = []
    yield rows
    page = os.environ.get("MDLLM_EVENTS_TABLE")
    if page and not request.session.testsfailed:
        lines = ["| event | what you see | what you do |", "|---|---|---|"]
        lines += [f"| {event} | {seen} | {command} |" for event, seen, command in rows]
        before, _, after = re.split(r"(?s)(?<=<!-- events -->\n)(.*)(?=<!-- end of events -->)", Path(page).read_text())
        Path(page).write_text(before + "\n".join(lines) + "\n" + after)
