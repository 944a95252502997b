"""Frame by frame: a map of two variables, series in time, and any structure beside its nearest training frame."""

import itertools
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from mdllm.core.sequences import letter
from mdllm.ensembles.names import NULLS
from mdllm.figures.axis import VariableAxis
from mdllm.figures.looks import STATE_SHADES
from mdllm.figures.tables import Tables
from mdllm.page import charts
from mdllm.page.blocks import Block, Part
from mdllm.page.structures import FRAMES_A_BLOCK, Packed

_ORDER = ("md", "training", *NULLS, "model")  # in which they are drawn
_RMSD = "rmsd_to_start_nm"
_MAP_HEIGHT, _SERIES_HEIGHT = 500, 170


def build(tables: Tables) -> list[Block]:
    frames, description = tables.page_frames, tables.description
    packed = Packed(**tables.page_structures)
    axes = _axes(description, frames)
    states = tables.states()
    data = {
        "frames": _columns(frames, states, list(axes)),
        "states": states,
        "sources": {name: charts.SHORT[name] for name in _ORDER},
        "axes": {column: _axis(axis) for column, axis in axes.items()},
        "plane": description["plane"],
        "map": _map(axes, description, states),
        "series": {source: _series(source) for source in ("training", "model")},
        "residues": [{**residue, "letter": letter(residue["resname"])} for residue in tables.page_about["residues"]],
        "moved": _moved(tables.new_residues),
        "medoids": _medoids(tables.new_clusters, frames),
        "structures": {
            "step_nm": tables.page_about["step_nm"],
            "frames_a_block": FRAMES_A_BLOCK,
            "reference": packed.reference.ravel().tolist(),
        },
    }
    shown = frames["source"].value_counts()
    counts = [
        (name, charts.SHORT[name], int(shown.get(name, 0)), tables.page_about["frames"].get(name, 0)) for name in _ORDER
    ]
    more = {
        "counts": [row for row in counts[::-1] if row[2]],
        "nulls": list(NULLS),
        "states": states,
        "replicas": sorted(int(number) for number in frames.loc[frames["source"] == "model", "replica"].unique()),
        "clusters": sorted(int(number) for number in frames.loc[frames["cluster"] > 0, "cluster"].unique()),
        "axes": axes,
    }
    return [Part("explorer.html", data, more, tuple(packed.texts()))]


def _axes(description: dict, frames: pd.DataFrame) -> dict[str, VariableAxis]:
    """The axes of the plane, of every other variable, and of the RMSD."""
    labelled = {
        **description["columns"],
        _RMSD: {"label": "RMSD to first training frame", "unit": "nm", "periodic": False},
    }
    about = {**description, "columns": labelled}
    names = [*description["plane"], *(name for name in labelled if name not in description["plane"])]
    groups = [rows for _, rows in frames.groupby("source")]
    return {name: VariableAxis.of(about, name, [rows[name].to_numpy(float) for rows in groups]) for name in names}


def _axis(axis: VariableAxis) -> dict[str, Any]:
    return {
        "title": axis.text(),
        "start": axis.start,
        "span": axis.span,
        "ticks": [[value, text] for value, text in axis.ticks().items()],
    }


def _columns(frames: pd.DataFrame, states: list[str], variables: list[str]) -> dict[str, list]:
    """Columns of the frames; what is missing is null, states and sources are their numbers."""

    def rounded(name: str) -> list:
        values = frames[name].astype(float).round(4)
        return [None if np.isnan(value) else value for value in values.tolist()]

    numbers = {state: number for number, state in enumerate(states)}
    return {
        "source": [_ORDER.index(name) for name in frames["source"]],
        "state": [numbers.get(state, -1) for state in frames["state"].fillna("")],
        **{name: frames[name].tolist() for name in ("replica", "frame", "cluster", "nearest")},
        "new": frames["new"].astype(int).tolist(),
        **{name: rounded(name) for name in ("novelty", "rmsd_nm", "log_likelihood_nats", *variables)},
    }


def _moved(residues: pd.DataFrame) -> dict[int, list[int]]:
    """Places of the residues that have moved in each cluster."""
    moved = residues[residues["moved"].astype(bool)]
    return {int(cluster): (rows["residue"] - 1).tolist() for cluster, rows in moved.groupby("cluster")}


def _medoids(clusters: pd.DataFrame, frames: pd.DataFrame) -> dict[int, int]:
    """The row of each cluster's medoid."""
    model = frames[(frames["source"] == "model")].reset_index(names="row")
    names = {"cluster": "number", "medoid_replica": "replica", "medoid_frame": "frame", "medoid_sample": "sample"}
    found = clusters.rename(columns=names)[list(names.values())].merge(model, on=["replica", "frame", "sample"])
    return dict(zip(found["number"].astype(int).tolist(), found["row"].astype(int).tolist(), strict=True))


def _encoded(axes: dict[str, VariableAxis], plane: list[str]) -> tuple[alt.X, alt.Y]:
    """Axes of the map; values are folded by the script."""
    made = []
    for channel, field, column in ((alt.X, "x", plane[0]), (alt.Y, "y", plane[1])):
        axis = axes[column]
        made.append(
            channel(
                f"{field}:Q",
                scale=alt.Scale(domain=axis.span, nice=False, zero=False),
                title=axis.text(),
                axis=_ticks(axis),
            )
        )
    return tuple(made)


def _ticks(axis: VariableAxis) -> alt.Axis:
    if not (ticks := axis.ticks()):
        return alt.Axis(tickCount=6)
    words = {f"{value:.3f}": text for value, text in ticks.items()}
    return alt.Axis(values=list(ticks), labelExpr=f"({words})[format(datum.value, '.3f')]")


def _map(axes: dict[str, VariableAxis], description: dict, states: list[str]) -> dict:
    x, y = _encoded(axes, description["plane"])
    tips = [alt.Tooltip("source:N"), alt.Tooltip("name:N", title="frame"), alt.Tooltip("state:N"), "cluster:Q"]
    tips += [alt.Tooltip("rawx:Q", format=".3f", title=axes[description["plane"][0]].text())]
    tips += [alt.Tooltip("rawy:Q", format=".3f", title=axes[description["plane"][1]].text())]
    tips += [alt.Tooltip("novelty:Q", format=".2f")]
    points = (
        alt.Chart(alt.NamedData("frames"))
        .mark_point(filled=True, size=22, opacity=0.55, clip=True)
        .encode(x=x, y=y, color=charts.color(_ORDER), shape=charts.shape(_ORDER), tooltip=tips)
    )
    ring = {"filled": False, "size": 220, "strokeWidth": 3, "opacity": 1, "clip": True}
    nearest = (
        alt.Chart(alt.NamedData("nearest"))
        .mark_point(**{**ring, "size": 160}, shape="square", color="#12436D")
        .encode(x=x, y=y)
    )
    chosen = alt.Chart(alt.NamedData("chosen")).mark_point(**ring, color="#000000").encode(x=x, y=y)
    layers = [*_regions(axes, description, states, x, y), points, nearest, chosen]
    empty = {"frames": [], "nearest": [], "chosen": []}
    return charts.finished(alt.layer(*layers, datasets=empty), _MAP_HEIGHT)


def _regions(
    axes: dict[str, VariableAxis], description: dict, states: list[str], x: alt.X, y: alt.Y
) -> list[alt.Chart]:
    """Rectangles of the states that are defined by the two variables of the plane."""
    plane, rows = description["plane"], []
    for state in states:
        for box in description["states"][state]:
            if set(box) <= set(plane):
                sides = [
                    axes[column].pieces(box[column])
                    if column in box
                    else [(axes[column].span[0], axes[column].span[1] - axes[column].span[0])]
                    for column in plane
                ]
                for (left, width), (low, height) in itertools.product(*sides):
                    rows.append({"state": state, "x": left, "x2": left + width, "y": low, "y2": low + height})
    if not rows:
        return []
    color = alt.Fill(
        "state:N",
        scale=alt.Scale(domain=states, range=list(STATE_SHADES[: len(states)])),
        title="region of state",
        legend=alt.Legend(orient="bottom"),
    )
    chart = alt.Chart(pd.DataFrame(rows)).mark_rect(opacity=0.4, clip=True)
    return [chart.encode(x=x, x2="x2:Q", y=y, y2="y2:Q", fill=color)]


def _series(source: str) -> dict:
    """A series in time; the script lays the axis of the chosen variable on it."""
    color = charts.LOOKS[source].color
    y = alt.Y("y:Q", scale=alt.Scale(nice=False, zero=False), title=None)
    x = alt.X(
        "frame:Q",
        title="generated frame" if source == "model" else "MD frame, training",
        scale=alt.Scale(nice=False),
        axis=alt.Axis(format=",d", tickMinStep=1, labelOverlap=True),
    )
    tips = [alt.Tooltip("name:N", title="frame"), alt.Tooltip("raw:Q", format=".3f", title="value"), "state:N"]
    points = alt.Chart(alt.NamedData("frames")).mark_point(filled=True, size=9, opacity=0.3, color=color, clip=True)
    layers = [points.encode(x=x, y=y, tooltip=tips)]
    if source == "model":
        line = alt.Chart(alt.NamedData("replica")).mark_line(strokeWidth=1, color="#000000", clip=True)
        layers.append(line.encode(x=x, y=y))
    ring = alt.Chart(alt.NamedData("chosen")).mark_point(
        filled=False, size=140, strokeWidth=2.5, opacity=1, color="#000000", clip=True
    )
    layers.append(ring.encode(x=x, y=y))
    empty = {"frames": [], "replica": [], "chosen": []}
    return charts.finished(alt.layer(*layers, datasets=empty), _SERIES_HEIGHT)
