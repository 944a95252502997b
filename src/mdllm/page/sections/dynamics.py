"""How generated frames move: fluctuation along the sequence, and agreement with MD, beside nulls and networks."""

import altair as alt
import pandas as pd

from mdllm.ensembles.names import NULLS
from mdllm.figures.looks import LOOKS
from mdllm.figures.tables import Tables
from mdllm.page.blocks import Block, Chart, Table, Text
from mdllm.page.charts import SHAPES, SHORT, along_sequence, dashes, finished

# Names, colours, markers and dashes of what moves; all frames of MD are what the others are measured by.
_LOOKS = {
    "md": ("MD, all frames", "#000000", "circle", [1, 0]),
    "md_halves": ("halves of MD", "#444444", SHAPES["_"], [1, 0]),
    "md_training": ("MD, training", LOOKS["training"].color, "circle", [6, 2]),
    "model": ("model", LOOKS["model"].color, SHAPES[LOOKS["model"].marker], [1, 0]),
    **{null: (SHORT[null], LOOKS[null].color, SHAPES[LOOKS[null].marker], dashes(null)) for null in NULLS},
    "gnm": ("elastic network: GNM", "#801650", "square", [1, 0]),
    "anm": ("elastic network: ANM", "#A8559F", "square", [1, 0]),
}
_QUANTITIES = {
    "rmsf": "RMSF",
    "torsions": "torsions",
    "secondary_structure": "secondary structure",
    "contacts": "contacts",
    "correlation": "correlated motion",
}
_DIVERGENCE = "jensen_shannon"


def build(tables: Tables) -> list[Block]:
    found = tables.summary["dynamics"]
    verdict = found["verdict"]
    return [
        Text((f"{verdict[0].upper()}{verdict[1:]}.",)),
        _profile(tables.motion_of_residues),
        _agreement(tables.motion_alike),
        _numbers(tables.motion_alike),
    ]


def _encoded(names: list[str], symbol: str | None = None) -> dict:
    """Colours, markers and dashes with one legend, which shows markers or `symbol`."""
    labels, colors, shapes, dashes = zip(*(_LOOKS[name] for name in names), strict=True)
    shown = {} if symbol is None else {"symbolType": symbol, "symbolSize": 300, "symbolStrokeWidth": 2}
    legend = {"title": None, "legend": alt.Legend(orient="bottom", columns=3, symbolOpacity=1, **shown)}
    scales = {"color": colors, "shape": shapes, "dash": dashes}
    scale = {name: alt.Scale(domain=list(labels), range=list(values)) for name, values in scales.items()}
    return {
        "color": alt.Color("of:N", scale=scale["color"], **legend),
        "shape": alt.Shape("of:N", scale=scale["shape"], **legend),
        "strokeDash": alt.StrokeDash("of:N", scale=scale["dash"], **legend),
    }


def _labelled(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rows with the label of their source in a column `of`, and the sources, in order."""
    names = [name for name in _LOOKS if name in set(rows["source"])]
    labels = {name: _LOOKS[name][0] for name in names}
    return rows[rows["source"].isin(names)].assign(of=lambda table: table["source"].map(labels)), names


def _profile(residues: pd.DataFrame) -> Chart:
    rows, names = _labelled(residues[residues["property"] == "rmsf_nm"])
    rows = rows.assign(low=rows["value"] - 2 * rows["standard_error"], high=rows["value"] + 2 * rows["standard_error"])
    rows, x, name = along_sequence(rows)
    encoded = _encoded(names, "stroke")
    shown = rows[["residue", "name", "of", "value", "low", "high"]].round(4)
    y = alt.Y("value:Q", title="RMSF of CA (nm)", scale=alt.Scale(zero=True))
    tips = [name, alt.Tooltip("of:N", title="frames of"), alt.Tooltip("value:Q", title="RMSF (nm)", format=".3f")]
    lines = (
        alt.Chart(shown).mark_line().encode(x=x, y=y, tooltip=tips, **{k: encoded[k] for k in ("color", "strokeDash")})
    )
    wide = shown[shown["of"].isin([_LOOKS["md"][0], _LOOKS["model"][0]])].dropna(subset=["low"])
    bands = alt.Chart(wide).mark_area(opacity=0.18).encode(x=x, y="low:Q", y2="high:Q", color=encoded["color"])
    numbers = rows.pivot_table(index=["residue", "name"], columns="of", values="value", sort=False).reset_index()
    return Chart(
        finished(alt.layer(bands, lines), 260),
        "Root-mean-square fluctuation of CA along the sequence, of MD, of the model and of the nulls.",
        "Root-mean-square fluctuation of CA along the sequence; bands are two standard errors, of MD and of the model.",
        Table(numbers, "RMSF of CA by residue (nm)", True),
    )


def _agreement(alike: pd.DataFrame) -> Chart:
    rows, names = _labelled(alike[alike["headline"] & (alike["reference"] == "md")])
    turned = rows["measure"] == _DIVERGENCE
    rows = rows.assign(alike=rows["value"].where(~turned, 1 - rows["value"]))
    rows = rows.assign(low=rows["alike"] - 2 * rows["standard_error"], high=rows["alike"] + 2 * rows["standard_error"])
    rows["quantity"] = rows["quantity"].map(_QUANTITIES)
    order = [name for name in _QUANTITIES.values() if name in set(rows["quantity"])]
    encoded, axis = _encoded(names), {"title": "agreement (1: as MD)", "scale": alt.Scale(zero=False)}
    offset = alt.YOffset("of:N", sort=[_LOOKS[name][0] for name in names])
    columns = ["quantity", "of", "alike", "low", "high"]
    base = alt.Chart(rows[columns].round(4)).encode(
        y=alt.Y("quantity:N", title=None, sort=order), yOffset=offset, color=encoded["color"], tooltip=columns
    )
    bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2)
    bars = bars.encode(x=alt.X("low:Q", **axis), x2="high:Q")
    points = base.mark_point(filled=True, size=50, opacity=1).encode(x=alt.X("alike:Q", **axis), shape=encoded["shape"])
    return Chart(
        finished(alt.layer(bars, points), height=70 * len(order)),
        "Agreement with all frames of MD in five quantities, of model, nulls and elastic networks; 1 is the same.",
        "Agreement with all frames of MD: Pearson correlation, and of torsions and secondary structure 1 less the "
        "divergence in bits. Lines are two standard errors; halves of MD are what MD itself reaches.",
    )


def _numbers(alike: pd.DataFrame) -> Table:
    rows, names = _labelled(alike[alike["headline"]])
    beside = rows["reference"].map({"md": "all of MD", "md_training": "training frames"})
    rows = rows.assign(quantity=rows["quantity"].map(_QUANTITIES), beside=beside)
    wide = rows.pivot_table(index=["quantity", "measure", "beside"], columns="of", values="value", sort=False)
    columns = [_LOOKS[name][0] for name in names if _LOOKS[name][0] in wide]
    shown = wide[columns].reset_index().replace({"measure": {_DIVERGENCE: "divergence (bits)", "pearson": "Pearson"}})
    return Table(shown, "Agreement in numbers", True)
