"""The demo where SLURM keeps accounts, as most clusters do; the other tests run without."""

import pytest

from slurm.slurm_project import JOBS_WITH_A_BASE, run_demo

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


def test_the_demo_is_booked_on_the_account(accounting_cluster, tmp_path, cache, trp_cage_files):
    run_demo(tmp_path / "p", cache, accounting_cluster, with_a_base=True)
    states = accounting_cluster.run("sacct", "-X", "--noheader", "--format=State,Account").split()
    assert states == ["COMPLETED", "lab"] * JOBS_WITH_A_BASE
