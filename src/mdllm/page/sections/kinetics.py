"""Kinetics of all models of a system beside the reference: populations, passage times, the slowest process."""

import altair as alt
import pandas as pd

from mdllm.figures.looks import FURTHER, MODEL_LOOKS, REFERENCE_LOOKS, Look
from mdllm.figures.tables import SystemTables
from mdllm.page import charts
from mdllm.page.blocks import Block, Chart, Table, Text, cell
from mdllm.page.charts import finished

_NAMES = {"md": "MD", "exact": "exact"}
_MODEL = "model"


def build(system: SystemTables) -> list[Block]:
    summaries = {name: tables.summary["kinetics"] for name, tables in system.variants.items()}
    first = next(iter(summaries.values()))
    looks, unit = _looks(summaries), first["time_unit"]
    verdicts = tuple(f"{looks[name].label}: {k['comparisons']['model']['verdict']}." for name, k in summaries.items())
    lasting = ", ".join(f"{cell(value)} ns of {source}" for source, value in first["nanoseconds"].items())
    about = f"Reference: {_NAMES[first['reference']]}. Markov models at a lag of {first['lag_ps']:g} {unit}; {lasting}."
    found = {name: _all(system, name) for name in ("populations", "mfpt", "timescales", "committor")}
    return [
        Text(verdicts, points=True),
        Text((about,)),
        _mfpt(found["mfpt"], looks, unit),
        _populations(found["populations"], looks),
        _timescales(found["timescales"], looks, unit),
        *_committor(found["committor"], looks),
        _distances(summaries),
    ]


def _looks(variants) -> dict[str, Look]:
    left = iter(FURTHER)
    models = {name: MODEL_LOOKS[name] if name in MODEL_LOOKS else Look(name, *next(left)) for name in variants}
    return {**REFERENCE_LOOKS, **models}


def _all(system: SystemTables, name: str) -> pd.DataFrame:
    """A table of all variants: rows of MD and of the exact kinetics once, those of a model under its variant's name."""
    tables = {variant: getattr(tables, name) for variant, tables in system.variants.items()}
    first = next(iter(tables.values()))
    models = [table[table["source"] == _MODEL].assign(source=variant) for variant, table in tables.items()]
    return pd.concat([first[first["source"] != _MODEL], *models], ignore_index=True)


def _encoded(rows: pd.DataFrame, looks: dict[str, Look]) -> dict:
    """Colour and shape of each source, in a column `of` of their labels, with one legend."""
    own = [look for name, look in looks.items() if name in set(rows["source"])]
    names, legend = [look.label for look in own], alt.Legend(orient="bottom", columns=5)
    colors = [look.color.replace("black", "#000000") for look in own]
    shapes = [charts.SHAPES[look.marker] for look in own]
    options = {"title": None, "legend": legend}
    return {
        "color": alt.Color("of:N", scale=alt.Scale(domain=names, range=colors), **options),
        "shape": alt.Shape("of:N", scale=alt.Scale(domain=names, range=shapes), **options),
    }


def _points(rows: pd.DataFrame, looks: dict[str, Look], value: str, row: str, **axis) -> alt.LayerChart:
    rows = rows.assign(
        of=rows["source"].map({name: look.label for name, look in looks.items()}),
        low=(rows[value] - rows["standard_error"]).clip(lower=rows[value] / 10),
        high=rows[value] + rows["standard_error"],
    )
    names = [look.label for name, look in looks.items() if name in set(rows["source"])]
    y = alt.Y(f"{row}:N", title=None, sort=list(dict.fromkeys(rows[row])))
    offset = alt.YOffset("of:N", sort=names)
    columns = [row, "of", value, "low", "high", "standard_error"]
    encoded = _encoded(rows, looks)
    base = alt.Chart(rows[columns].dropna(subset=[value]))
    base = base.encode(y=y, yOffset=offset, color=encoded["color"], tooltip=columns)
    bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2)
    bars = bars.encode(x=alt.X("low:Q", **axis), x2="high:Q")
    points = base.mark_point(filled=True, size=55, opacity=1)
    points = points.encode(x=alt.X(f"{value}:Q", **axis), shape=encoded["shape"])
    return alt.layer(bars, points)


def _mfpt(table: pd.DataFrame, looks: dict[str, Look], unit: str) -> Chart:
    rows = table[table["method"] != "msm"].assign(passage=lambda t: t["start"] + " → " + t["end"])
    axis = {"title": f"mean first passage time ({unit})", "scale": alt.Scale(type="log", nice=False, padding=8)}
    pairs = rows["passage"].nunique()
    numbers = rows[["passage", "source", "mfpt_ps", "standard_error", "passages", "note"]]
    return Chart(
        finished(_points(rows, looks, "mfpt_ps", "passage", **axis), height=60 * pairs),
        f"Mean first passage times of {pairs} pairs of states, of every model and the reference; logarithmic axis.",
        "Mean first passage times, counted directly, with standard errors. A model without a point saw no passage.",
        Table(numbers.dropna(axis=1, how="all"), f"Mean first passage times ({unit})", True),
    )


def _populations(table: pd.DataFrame, looks: dict[str, Look]) -> Chart:
    rows = table[table["level"] == "state"]
    axis = {"title": "share of frames in the state", "axis": alt.Axis(format="~%")}
    numbers = rows[["name", "source", "population", "standard_error"]]
    return Chart(
        finished(_points(rows, looks, "population", "name", **axis), height=60 * rows["name"].nunique()),
        "Populations of the states, of every model and the reference.",
        "Populations of the states, with standard errors.",
        Table(numbers, "Populations of the states", True),
    )


def _timescales(table: pd.DataFrame, looks: dict[str, Look], unit: str) -> Chart:
    rows = table[(table["process"] == 1) & table["lag_ps"].notna()]
    rows = rows.assign(of=rows["source"].map({name: look.label for name, look in looks.items()}))
    columns = ["of", "lag_ps", "timescale_ps"]
    chart = (
        alt.Chart(rows[columns].dropna())
        .mark_line(point=True)
        .encode(
            x=alt.X("lag_ps:Q", title=f"lag ({unit})", scale=alt.Scale(type="log", nice=False, padding=8)),
            y=alt.Y(
                "timescale_ps:Q",
                title=f"slowest timescale ({unit})",
                scale=alt.Scale(type="log", nice=False, padding=8),
            ),
            tooltip=columns,
            **_encoded(rows, looks),
        )
    )
    return Chart(
        finished(chart, height=260),
        "Slowest timescale of Markov models against their lag, of every model and the reference.",
        "Slowest implied timescale against the lag of the Markov model.",
        Table(rows[columns], f"Slowest timescale ({unit}) by lag", True),
    )


def _committor(table: pd.DataFrame, looks: dict[str, Look]) -> list[Chart]:
    """Codes in the order of the reference's committor; none where every code is in one of the two states."""
    start, end = table[["start", "end"]].iloc[0]
    rows = table[~table["state"].isin([start, end]) & (table["method"] == "direct")].dropna(subset=["committor"])
    of_md = rows[rows["source"] == "md"].sort_values(["committor", "code"])
    if of_md.empty:
        return []
    place = {code: number + 1 for number, code in enumerate(of_md["code"])}
    rows = rows.assign(
        place=rows["code"].map(place),
        of=rows["source"].map({name: look.label for name, look in looks.items()}),
        low=rows["committor"] - rows["standard_error"],
        high=rows["committor"] + rows["standard_error"],
    )
    rows = rows.dropna(subset=["place"]).sort_values("place")
    columns = ["place", "code", "of", "committor", "low", "high"]
    encoded, x = (
        _encoded(rows, looks),
        alt.X(
            "place:Q",
            title="code, in the order of MD",
            axis=alt.Axis(tickMinStep=1),
            scale=alt.Scale(padding=10, zero=False),
        ),
    )
    axis = {"title": f"probability of {end} before {start}", "scale": alt.Scale(domain=[0, 1])}
    base = alt.Chart(rows[columns].round(4)).encode(x=x, color=encoded["color"], tooltip=columns)
    bars = base.transform_filter("isValid(datum.low)").mark_rule(clip=True)
    bars = bars.encode(y=alt.Y("low:Q", **axis), y2="high:Q")
    points = base.mark_point(filled=True, size=45, opacity=0.9).encode(
        y=alt.Y("committor:Q", **axis), shape=encoded["shape"]
    )
    numbers = rows.pivot_table(index=["place", "code"], columns="of", values="committor", sort=False).reset_index()
    return [
        Chart(
            finished(alt.layer(bars, points), height=220),
            f"Committor of each code, the probability to reach {end} before {start}, of every model beside MD.",
            f"Committor of the codes that are in neither state, counted, with standard errors: the probability to "
            f"reach {end} before {start}.",
            Table(numbers, f"Probability of {end} before {start}, by code", True),
        )
    ]


def _distances(summaries: dict[str, dict]) -> Table:
    """Distances of every quantity from the reference."""
    columns = {}
    for variant, kinetics in summaries.items():
        found = kinetics["comparisons"]["model"]
        named = {f"population of {row['quantity']}": row for row in found["populations"]}
        named |= {f"MFPT {row['quantity']}": row for row in found["mfpt_ps"]}
        named["slowest timescale"] = found["slowest_timescale_ps"]
        columns[variant] = {name: row["distance"] for name, row in named.items()}
    frame = pd.DataFrame(columns).rename_axis("quantity").reset_index()
    return Table(
        frame, "Distance of each model from the reference, in combined standard errors; empty: not judged", True
    )
