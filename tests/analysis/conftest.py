"""One analysed run that the tests of this folder read."""

import pytest


@pytest.fixture(scope="session")
def analyzed(analyzed_run):
    """Output folder of the analyzed run."""
    return analyzed_run / "output"
