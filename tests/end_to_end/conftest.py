"""One undisturbed small run of the whole workflow, which all tests of this folder look at."""

import pytest

from project import SMALL, Project, copy_of_checkout


@pytest.fixture(scope="session")
def finished(tmp_path_factory, cache, trp_cage_files) -> Project:
    """The demo system, both directions, from raw frames to figures, with a model small enough for a test.

    It runs in a copy of the checkout, which a test may change for a while.
    """
    root = copy_of_checkout(tmp_path_factory.mktemp("checkout"))
    project = Project(tmp_path_factory.mktemp("finished"), cache, SMALL, root=root)
    project.run()
    return project
