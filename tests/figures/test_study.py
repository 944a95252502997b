"""Figures of studies: means with intervals, where they belong."""

import numpy as np
import pandas as pd
import pytest

from figures.artists import draw_into
from mdllm.figures.study import draw_measure, draw_plane

LABEL = "backbone RMSD after encode→decode (nm)"


def table() -> pd.DataFrame:
    rows = []
    for size in (64, 512):
        for source, level in (("training", 0.01), ("unseen", 0.1)):
            mean = level / size * 64
            rows.append((size, "reconstruction", source, mean, mean - 0.001, mean + 0.002))
            rows.append((size, "states_kept", source, 1 - mean, np.nan, np.nan))
    return pd.DataFrame(rows, columns=["tokenizer.codebook_size", "measure", "source", "mean", "low", "high"])


def drawn(tmp_path, draw, name, *arguments):
    return draw_into(tmp_path, lambda folder: draw(*arguments, folder / name))


def test_a_measure_stands_over_its_axis_a_panel_per_source(tmp_path):
    axes = ["tokenizer.codebook_size"]
    pictures = drawn(tmp_path, draw_measure, "m", table(), axes, "reconstruction", [0.02, 0.2], "about")
    panels = pictures.figures["m"].axes
    assert [ax.get_title() for ax in panels] == ["MD, training", "unseen"]
    (bars,) = panels[1].containers
    points = bars.lines[0].get_xydata()
    np.testing.assert_allclose(points, [[64, 0.1], [512, 0.0125]])
    (segments,) = bars.lines[2]
    np.testing.assert_allclose(segments.get_segments()[0][:, 1], [0.099, 0.102])
    levels = [line.get_ydata()[0] for line in panels[0].lines if line not in bars.lines and len(line.get_ydata()) == 2]
    assert {0.02, 0.2} <= set(levels)
    assert {"64", "512", "tokenizer.codebook_size", "backbone RMSD after\nencode→decode (nm)"} <= set(
        pictures.words("m")
    )
    assert len(pd.read_csv(tmp_path / "m.csv")) == 4
    assert panels[0].get_yscale() == "log"


def test_the_lowest_panel_of_each_column_has_the_axis(tmp_path):
    many = pd.concat([table().assign(source=f"source {number}") for number in range(5)]).drop_duplicates(
        ["tokenizer.codebook_size", "measure", "source"]
    )
    pictures = drawn(tmp_path, draw_measure, "m", many, ["tokenizer.codebook_size"], "states_kept", [], "about")
    panels = pictures.figures["m"].axes[:5]
    assert [ax.get_subplotspec().colspan.start for ax in panels] == [0, 1, 2, 0, 1]
    assert [bool(ax.get_xlabel()) for ax in panels] == [False, False, True, True, True]
    assert [ax.xaxis.get_tick_params()["labelbottom"] for ax in panels] == [False, False, True, True, True]


def test_values_that_are_names_and_further_axes(tmp_path):
    named = pd.concat(
        [table().rename(columns={"tokenizer.codebook_size": "a"}).assign(a=a, b=b) for a in ("x", "y") for b in (1, 2)]
    ).drop_duplicates(["a", "b", "measure", "source"])
    pictures = drawn(tmp_path, draw_measure, "m", named, ["a", "b"], "states_kept", [], "about")
    assert {"x", "y", "1", "2", "b"} <= set(pictures.words("m"))
    assert len(pictures.figures["m"].axes[0].containers) == 2
    assert pictures.figures["m"].axes[0].get_yscale() == "linear"  # nothing to compare with


def test_a_plane_has_a_point_for_every_value_and_source(tmp_path):
    axes = ["tokenizer.codebook_size"]
    pictures = drawn(tmp_path, draw_plane, "p", table(), axes, ("states_kept", "reconstruction"), "about")
    (ax,) = pictures.figures["p"].axes
    found = np.concatenate([container.lines[0].get_xydata() for container in ax.containers])
    expected = [(0.9, 0.1), (0.9875, 0.0125), (0.99, 0.01), (0.99875, 0.00125)]
    np.testing.assert_allclose(found[found[:, 0].argsort()], expected)
    assert {"frames still in their state", LABEL} <= set(pictures.words("p"))


def test_points_of_the_model_in_a_plane_say_where_they_stand_on_the_axes(tmp_path):
    named = table().replace({"source": {"training": "model"}})
    pictures = drawn(
        tmp_path, draw_plane, "p", named, ["tokenizer.codebook_size"], ("states_kept", "reconstruction"), "about"
    )
    (ax,) = pictures.figures["p"].axes
    said = {text.get_text(): text.xy for text in ax.texts}
    assert said == {"64": pytest.approx((0.99, 0.01)), "512": pytest.approx((0.99875, 0.00125))}
