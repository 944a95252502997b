"""The figure of kinetic distances, from its tables alone: points where the tables have them, none at infinity."""

import json

import numpy as np
import pandas as pd

from analysis.kinetics_run import CONDITIONS
from mdllm.figures import kinetic_distance, style
from mdllm.figures.tables import Tables

TIMES = {
    "md": [30.0, 400.0, np.nan],
    "model": [33.0, 380.0, 9000.0],
    "linearized": [20.0, 25.0, 30.0],
    "embeddings": [40.0, 45.0, 50.0],
    "md_commute": [700.0, 900.0, 1100.0],
}


def write(folder) -> Tables:
    rows = [
        {
            "source": source,
            "code_1": a,
            "code_2": b,
            "state_1": "AB"[a > 0],
            "state_2": "C",
            "jumps": 3,
            "time_ps": time,
        }
        for source, times in TIMES.items()
        for (a, b), time in zip(((0, 1), (0, 2), (1, 2)), times, strict=True)
    ]
    agree = [{"source": s, "pairs": 2, "rank_correlation": np.nan, "median_ratio": 1.0} for s in TIMES if s != "md"]
    files = {name: folder / f"{name}.csv" for name in ("distances", "distances_agree")}
    pd.DataFrame(rows).to_csv(files["distances"], index=False)
    pd.DataFrame(agree).to_csv(files["distances_agree"], index=False)
    summary = {"about": "4-state model potential", "conditions": CONDITIONS, "kinetics": {"time_unit": "frames"}}
    (folder / "summary.json").write_text(json.dumps(summary))
    return Tables({**files, "summary": folder / "summary.json"})


def test_figure_and_data(tmp_path, monkeypatch):
    drawn, save = [], style.save
    monkeypatch.setattr(style, "save", lambda fig, stem, data: (drawn.append(fig), save(fig, stem, data)))
    tables = write(tmp_path)
    kinetic_distance.draw(tables, tmp_path / "out")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out.csv"), tables.distances)
    assert (tmp_path / "out.png").stat().st_size > 1000
    left, right = drawn[0].axes
    assert left.get_xlabel() == "kinetic distance in MD (frames)"
    for ax, sources in ((left, ("model", "linearized", "embeddings")), (right, ("md_commute",))):
        for line, source in zip(ax.lines, sources, strict=False):
            np.testing.assert_array_equal(line.get_xdata(), TIMES["md"])
            np.testing.assert_array_equal(line.get_ydata(), TIMES[source])
    assert [text.get_text() for text in right.texts] == ["A, C", "A, C"]
