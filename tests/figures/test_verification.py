"""The figure of verification, from its tables alone."""

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from analysis.synthetic import CONDITIONS
from figures.artists import Pictures, alike, draw_into
from mdllm.figures import verification
from mdllm.figures.looks import LOOKS, RESTART_LOOKS
from mdllm.figures.tables import Tables

ENDS = {
    "model_cluster_1": ["stayed", "stayed", "returned", "B"],
    "frequencies_cluster_1": ["returned", "elsewhere", "fell apart", "returned"],
    "training_1": ["returned"] * 4,
}


@pytest.fixture
def tables(tmp_path) -> Tables:
    proposals = pd.DataFrame({"proposal": list(ENDS), "kind": ["cluster", "cluster", "training"], "group": 1})
    proposals["source"] = ["model", "frequencies", "training"]
    rows = [
        {"proposal": name, "replica": number, "where": where, "minimized_energy_kj_mol": -100.0 - number}
        for name, ends in ENDS.items()
        for number, where in enumerate(ends)
    ]
    frames = pd.DataFrame(rows).merge(pd.DataFrame({"time_ps": [1.0, 2.0, 3.0]}), how="cross")
    frames = frames.assign(novelty=1 + frames["replica"] + frames["time_ps"]).drop(columns="minimized_energy_kj_mol")
    proposals.to_csv(tmp_path / "verified.csv", index=False)
    pd.DataFrame(rows).to_csv(tmp_path / "simulations.csv", index=False)
    frames.to_parquet(tmp_path / "frames.parquet")
    rounds = [(1, "model", 0.1, 2), (1, "least_visited", 0.1, 0), (2, "model", 0.3, 5), (2, "least_visited", 0.1, 1)]
    columns = ["round", "source", "simulated_ns", "kept"]
    pd.DataFrame(rounds[:2], columns=columns).to_csv(tmp_path / "rounds.csv", index=False)
    pd.DataFrame(rounds, columns=columns).to_csv(tmp_path / "several.csv", index=False)
    conditions = {**CONDITIONS, "codebook_size": 64, "replicas": 4, "frames": 16, "training_frames": 100}
    (tmp_path / "summary.json").write_text(json.dumps({"conditions": conditions}))
    names = {"verified": "verified.csv", "simulations": "simulations.csv", "summary": "summary.json"}
    names |= {"rounds": "rounds.csv"}
    return Tables(
        {**{key: tmp_path / name for key, name in names.items()}, "simulated_frames": tmp_path / "frames.parquet"}
    )


def drawn(tables: Tables, folder: Path, **how) -> Pictures:
    return draw_into(folder, lambda given, folder: verification.draw(given, folder / "v"), tables, **how)


def test_bars_are_shares_of_simulations_and_lines_those_of_the_model(tables, tmp_path):
    pictures = drawn(tables, tmp_path / "drawn")
    ends, way, _ = pictures.figures["v"].axes[:3]
    assert [label.get_text() for label in ends.get_yticklabels()] == [
        "model, cluster",
        "frequencies, cluster",
        "training",
    ]
    stayed = [bar for bar in ends.patches if alike(bar.get_facecolor(), "#E8590C")]
    assert [bar.get_width() for bar in stayed] == [50, 0, 0]
    assert [bar.get_width() for bar in ends.patches if alike(bar.get_facecolor(), "#28A197")] == [25, 0, 0]
    lines = [line for line in way.lines if len(line.get_xdata()) == 3]
    assert len(lines) == 4
    np.testing.assert_allclose(sorted(line.get_ydata()[0] for line in lines), [2, 3, 4, 5])
    assert min(text.get_size() for text in pictures.figures["v"].findobj(mpl.text.Text) if text.get_text()) >= 6


def test_of_many_states_those_that_few_simulations_reach_share_a_colour(tables, tmp_path):
    simulations = tables.simulations
    simulations["where"] = ["new state 1"] * 4 + ["B"] * 2 + [f"new state {number}" for number in (2, 2, 3, 3, 4, 5)]
    pictures = drawn(tables, tmp_path / "drawn", written=False)
    ends = pictures.figures["v"].axes[0]
    labels = [text.get_text() for text in pictures.figures["v"].findobj(mpl.legend.Legend)[0].get_texts()]
    assert labels[4:8] == ["state B", "new state 1", "new state 2", "other states"]
    for color, widths in (("#28A197", [0, 50, 0]), ("#5B3A9E", [100, 0, 0]), ("#A11D33", [0, 0, 100])):
        assert [bar.get_width() for bar in ends.patches if alike(bar.get_facecolor(), color)] == widths


def test_several_rounds_are_lines_of_what_has_been_kept_by_then(tables, tmp_path):
    one = drawn(tables, tmp_path / "one", written=False)
    assert len(one.figures["v"].axes) == 3
    vars(tables)["rounds"] = pd.read_csv(tmp_path / "several.csv")
    pictures = drawn(tables, tmp_path / "drawn", written=False)
    lines = pictures.figures["v"].axes[3].lines
    kept = {line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist()) for line in lines}
    assert kept.keys() == {"model", "restarts, least visited"}
    assert kept["model"] == ([0, pytest.approx(0.1), pytest.approx(0.4)], [0, 2, 7])
    assert kept["restarts, least visited"][1] == [0, 0, 1]


def test_no_two_of_what_proposals_come_from_look_alike():
    looks = [*LOOKS.values(), *RESTART_LOOKS.values()]
    for part in ("color", "marker", "label"):
        assert len({getattr(look, part) for look in looks}) == len(looks)
