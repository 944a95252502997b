"""One undisturbed small run of the whole workflow, which all tests of this folder look at."""

import copy

import pytest

from project import SMALL, Project, copy_of_checkout


@pytest.fixture(scope="session")
def finished(tmp_path_factory, cache, trp_cage_files) -> Project:
    """The demo system, both directions, from raw frames to figures, with a model small enough for a test."""
    project = Project(tmp_path_factory.mktemp("finished"), cache, SMALL)
    project.run()
    return project


@pytest.fixture
def elsewhere(finished, tmp_path):
    """The finished run, looked at from a fresh copy of the checkout, in which a test may change code."""
    project = copy.copy(finished)
    project.root = copy_of_checkout(tmp_path / "checkout")
    return project
