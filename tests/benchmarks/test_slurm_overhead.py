"""The time in which no stage was at work, from the records of all stages."""

import importlib
import json

import pytest

from project import ROOT


@pytest.fixture(scope="module")
def benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        return importlib.import_module("slurm_overhead")


def test_stages_side_by_side_count_once(benchmark, tmp_path):
    spans = [("00:00", 10), ("00:05", 10), ("00:07", 2), ("00:30", 5)]  # busy 0-15 and 30-35
    for number, (started, wall_time_s) in enumerate(spans):
        (tmp_path / str(number)).mkdir()
        record = {"started": f"2026-01-01T00:{started}.000+00:00", "wall_time_s": wall_time_s}
        (tmp_path / str(number) / "provenance.json").write_text(json.dumps(record))
    assert benchmark.busy_s(tmp_path) == pytest.approx(20)
