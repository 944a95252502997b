"""The figure of a causal trace, from its table alone."""

import json

import numpy as np
import pandas as pd

from analysis.kinetics_run import CONDITIONS
from mdllm.figures import causal_trace
from mdllm.figures.tables import Tables


def effects(kinds) -> pd.DataFrame:
    rows = [
        {"kind": kind, "layer": layer, "position": position, "indirect_effect": 0.1 * layer - 0.02 * position}
        for kind in kinds
        for layer in range(4)
        for position in range(-5, 1)
    ]
    return pd.DataFrame(rows).assign(indirect_error=0.01, total_effect=0.4, total_error=np.nan, windows=7)


def write(folder, kinds) -> Tables:
    table, summary = folder / "effects.csv", folder / "summary.json"
    effects(kinds).to_csv(table, index=False)
    summary.write_text(json.dumps({"about": "4-state model potential", "conditions": CONDITIONS}))
    return Tables({"effects": table, "summary": summary})


def test_figure_and_data(tmp_path):
    tables = write(tmp_path, ["stays", "moves"])
    causal_trace.draw(tables, tmp_path / "causal_trace")
    assert (tmp_path / "causal_trace.pdf").stat().st_size > 1000
    assert (tmp_path / "causal_trace.png").stat().st_size > 1000
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "causal_trace.csv"), tables.effects)


def test_the_same_input_gives_the_same_bytes_and_one_kind_is_enough(tmp_path):
    for name in ("once", "again"):
        causal_trace.draw(write(tmp_path, ["stays"]), tmp_path / name)
    assert (tmp_path / "once.pdf").read_bytes() == (tmp_path / "again.pdf").read_bytes()
    assert (tmp_path / "once.png").read_bytes() == (tmp_path / "again.png").read_bytes()
