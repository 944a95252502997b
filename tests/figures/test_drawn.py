"""What the figures of a structure show, artist by artist, against the tables that they are drawn from."""

import json

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from figures.artists import alike, draw_into, lines, scattered
from mdllm.ensembles.names import NULLS
from mdllm.figures import plane, style
from mdllm.figures.quality import _NAMES
from mdllm.figures.tables import Tables

pytestmark = pytest.mark.slow

X, Y = "distance_11_15_nm", "psi11_rad"
PANELS = {"training": 0, "md": 0, "model": 1, "roundtrip": 2, "frequencies": 2}


@pytest.fixture(scope="module")
def tables(table_paths) -> Tables:
    return Tables(table_paths)


def color(source: str) -> str:
    return style.LOOKS[source].color


@pytest.mark.parametrize("source", PANELS)
def test_the_plane_has_its_first_variable_along_x(pictures, source):
    shown = scattered(pictures.figures["plane"].axes[PANELS[source]], color(source))
    data = pd.read_csv(pictures.folder / "plane.csv", low_memory=False)
    data = data[data["shown_as"] == source]
    np.testing.assert_allclose(shown[:, 0], data[X])
    np.testing.assert_allclose(np.exp(1j * shown[:, 1]), np.exp(1j * data[Y]))


def test_the_outline_of_a_state_holds_nine_tenths_of_its_frames(pictures, tables):
    ax = pictures.figures["plane"].axes[0]
    outlines = [found for found in ax.collections if isinstance(found, mpl.contour.ContourSet)]
    assert len(outlines) == 2 * 2  # a white one below each
    md = tables.cvs[tables.cvs["source"] == "md"]
    for outline, state in zip(outlines[1::2], tables.states(), strict=True):
        points = md.loc[md["state"] == state, [X, Y]].to_numpy(copy=True)
        start = ax.get_ylim()[0]
        points[:, 1] = start + (points[:, 1] - start) % (2 * np.pi)
        assert outline.get_paths()[0].contains_points(points).mean() == pytest.approx(0.9, abs=0.05)


def test_the_region_of_a_state_lies_where_it_is_defined(table_paths, tables, tmp_path):
    middle = float(tables.cvs.loc[tables.cvs["state"] == "A", Y].median())
    states = {"A": [{X: [0.7, 0.8], Y: [middle - 0.05, middle + 0.1]}], "B": []}
    (tmp_path / "description.json").write_text(json.dumps(tables.description | {"states": states}))
    changed = Tables({**table_paths, "description": tmp_path / "description.json"})
    ax = draw_into(tmp_path / "plane", plane.draw, changed, written=False).figures["plane"].axes[0]
    (box,) = ax.patches
    assert (box.get_x(), box.get_width(), box.get_height()) == pytest.approx((0.7, 0.1, 0.15))
    assert np.exp(1j * box.get_y()) == pytest.approx(np.exp(1j * (middle - 0.05)))


def test_bars_of_fidelity_are_the_shares_of_states_kept(pictures, tables):
    ax, table = pictures.figures["fidelity"].axes[1], tables.fidelity
    expected = {}
    for training, group in ((True, "training"), (False, "unseen")):
        for state, rows in table[table["training"] == training].groupby("state"):
            expected[f"{state}, {group}\nn = {len(rows)}"] = (rows["state_after"] == state).mean()
    assert len(set(expected.values())) > 1
    assert [label.get_text() for label in ax.get_xticklabels()] == list(expected)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(list(expected.values()))
    assert [bar.get_y() for bar in ax.patches] == [0] * len(expected)
    assert [text.get_text() for text in ax.texts] == [f"{share:.3f}" for share in expected.values()]


@pytest.mark.parametrize(("panel", "column"), [(0, "rmsd_nm"), (2, X), (3, Y)])
def test_distributions_of_fidelity_are_cumulative(pictures, tables, panel, column):
    ax, table = pictures.figures["fidelity"].axes[panel], tables.fidelity
    for training, source in ((True, "training"), (False, "md")):
        rows = table[table["training"] == training]
        values = rows[column]
        if column != "rmsd_nm":
            values = rows[f"{column}_after"] - values
            values = abs(np.angle(np.exp(1j * values)) if column == Y else values)
        (line,) = lines(ax, color(source))
        np.testing.assert_allclose(line[:, 0], np.sort(values), atol=1e-9)
        np.testing.assert_allclose(line[:, 1], np.arange(1, len(values) + 1) / len(values))


def test_losses_lie_over_their_step(pictures, tables):
    (ax,), log, training = pictures.figures["loss"].axes, tables.training_log, tables.summary["training"]
    np.testing.assert_allclose(lines(ax, color("training"))[0], log[["step", "training_loss"]])
    np.testing.assert_allclose(lines(ax, color("model"))[0], log[["step", "validation_loss"]].dropna())
    by_label = {line.get_label(): line for line in ax.lines}
    best = by_label["best step, used"].get_xydata()
    np.testing.assert_allclose(best, [[training["best_step"], training["validation_loss"]]])
    for label, key in (("residue-wise frequencies", "frequencies"), ("persistence + frequencies", "persistence")):
        np.testing.assert_allclose(by_label[f"baseline: {label}"].get_ydata(), training[f"baseline_{key}"])


@pytest.mark.parametrize("metric", _NAMES)
def test_quality_shows_mean_and_percentiles_of_every_source(pictures, tables, metric):
    (ax,) = [ax for ax in pictures.figures["quality"].axes if ax.get_title() == _NAMES[metric]]
    table = tables.quality[tables.quality["metric"] == metric].set_index("source")
    for place, source in enumerate(("training", *NULLS, "model")):
        row = table.loc["md training" if source == "training" else source]
        span, mean = lines(ax, color(source))
        np.testing.assert_allclose(span, [[place, row["p05"]], [place, row["p95"]]])
        np.testing.assert_allclose(mean, [[place, row["mean"]]])
    bounds = [line[0, 1] for line in lines(ax, "black")]
    tolerance, limit = table.loc["model", ["tolerance", "limit"]].astype(float)
    expected = [table.loc["roundtrip", "mean"] + tolerance, limit]
    assert bounds == pytest.approx([bound for bound in expected if np.isfinite(bound)])


@pytest.mark.parametrize(("panel", "value"), [(0, "share_found"), (1, "rmsd_to_true_nm")])
def test_discovery_shows_value_and_interval_beside_its_source(pictures, tables, panel, value):
    axes = pictures.figures["discovery"].axes
    names = {tick: text.get_text() for tick, text in zip(axes[0].get_yticks(), axes[0].get_yticklabels(), strict=True)}
    for source in ("model", *NULLS):
        spans, points = (lines(axes[panel], color(source), marked=marked) for marked in (False, True))
        of_state = [tables.discovery.set_index(["state", "source"]).loc[(state, source)] for state in tables.states()]
        wider = [rows["share"] for rows in of_state if panel == 0 and rows["share"] > rows["share_found"]]
        open_points = [line for line in axes[panel].lines if line.get_markerfacecolor() == "white"]
        if panel == 0:
            own = [line for line in open_points if alike(line.get_color(), color(source))]
            assert [line.get_xdata()[0] for line in own] == pytest.approx(wider)
            shown = [line.get_xydata() for line in own]
            points = [point for point in points if not any(np.array_equal(point, other) for other in shown)]
        for span, point, rows in zip(spans, points, of_state, strict=True):
            assert point[0, 0] == pytest.approx(rows["share_found" if panel == 0 else f"{value}_median"])
            np.testing.assert_allclose(span[:, 0], rows[[f"{value}_low", f"{value}_high"]].astype(float))
            assert (span[:, 1] == point[0, 1]).all()
            assert names[point[0, 1]] == style.LOOKS[source].label


def test_time_series_lie_over_their_frame(pictures, tables):
    axes, cvs = pictures.figures["time_series"].axes, tables.cvs
    training, model = cvs[(cvs["source"] == "md") & cvs["training"]], cvs[cvs["source"] == "model"]
    for row, column in enumerate((X, Y, "rmsd_to_start_nm")):
        left, right = axes[2 * row : 2 * row + 2]
        (dots,) = lines(left, color("training"))
        np.testing.assert_array_equal(dots[:, 0], np.arange(len(training)))
        np.testing.assert_allclose(np.exp(1j * dots[:, 1]), np.exp(1j * training[column]))
        (dots,) = lines(right, color("model"))
        np.testing.assert_array_equal(dots[:, 0], model["frame"])
        np.testing.assert_allclose(np.exp(1j * dots[:, 1]), np.exp(1j * model[column]))
        first = model[model["replica"] == 0]
        (line,) = lines(right, "black")
        np.testing.assert_allclose(np.exp(1j * line[:, 1]), np.exp(1j * first[column]))


def test_shares_of_states_are_stacked(pictures, tables):
    """The training frames are of A; so are those of the model, until half of the replicas goes over to B."""
    left, right = pictures.figures["time_series"].axes[6:8]
    ((share, *_), *_) = (patch.get_data() for patch in left.patches)
    assert (share == 1).all()
    (in_a, *_), (in_a_or_b, _, below) = (patch.get_data() for patch in right.patches[:2])
    middle = len(in_a) // 2
    assert in_a[:middle].mean() == pytest.approx(1, abs=0.02)
    assert in_a[middle:].mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(below, in_a)
    assert in_a_or_b.mean() > 0.97


def test_variants_are_compared_by_the_states_that_they_were_never_shown(pictures, tables):
    """Every mark at the place of its share; intervals beside it."""
    ax, found = pictures.figures["variants"].axes[0], tables.discovery
    found = found[~found["training_state"]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["main: B", "again: B"]
    for source in ("model", *NULLS):
        (row,) = found[found["source"] == source].to_dict("records")
        (marks,) = lines(ax, color(source))
        assert marks[:, 0] == pytest.approx([100 * row["share_found"]] * 2)
        (spans,) = [bars for bars in ax.collections if alike(bars.get_color()[0], color(source))]
        expected = [100 * row["share_found_low"], 100 * row["share_found_high"]]
        assert [list(span[:, 0]) for span in spans.get_segments()] == [pytest.approx(expected)] * 2
