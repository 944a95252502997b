"""One undisturbed small run of the whole workflow, which all tests of this folder look at."""

import pytest

from project import SMALL, Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory, cache, trp_cage_files) -> Project:
    """The demo system, both directions, from raw frames to figures, with a model small enough for a test."""
    project = Project(tmp_path_factory.mktemp("finished"), cache, SMALL)
    project.run()
    return project
