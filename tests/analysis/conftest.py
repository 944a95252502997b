"""One analysed run that the tests of this folder read."""

import pytest

from analysis.synthetic import analyze_run


@pytest.fixture(scope="session")
def analyzed(tmp_path_factory, trp_cage_prepared):
    """Output folder of `analyze` on the synthetic run of the demo system."""
    return analyze_run(tmp_path_factory.mktemp("analyzed"), trp_cage_prepared)
