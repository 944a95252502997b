"""SeqDance's properties of MD with all atoms, along the sequence: secondary structure, surface, entropy of torsions."""

import altair as alt
import numpy as np
import pandas as pd

from mdllm.figures.tables import Tables
from mdllm.page.blocks import Block, Chart, Table, Text
from mdllm.page.charts import SEQUENCE, along_sequence, finished

_DSSP = {
    "dssp_H": ("α helix", "#12436D"),
    "dssp_G": ("3-10 helix", "#28A197"),
    "dssp_I": ("π helix", "#801650"),
    "dssp_E": ("strand", "#E8590C"),
    "dssp_B": ("bridge", "#F3B98B"),
    "dssp_T": ("turn", "#B7CDE3"),
    "dssp_S": ("bend", "#BBBBBB"),
}
_ANGLES = {"phi": ("φ", "#12436D", [1, 0]), "psi": ("ψ", "#E8590C", [6, 3]), "chi1": ("χ1", "#6E6E6E", [1, 2])}
_LEGEND = alt.Legend(orient="bottom", columns=4)


def build(tables: Tables) -> list[Block]:
    residues = tables.properties_of_residues
    words = (
        "Properties of the MD itself with all its atoms, as SeqDance learns them from sequences. Those of pairs of "
        "residues are in the figure and in properties/pairs.csv."
    )
    return [Text((words,)), _secondary_structure(residues), _surface(residues), _entropies(residues)]


def _secondary_structure(residues: pd.DataFrame) -> Chart:
    rows = residues[residues["property"].isin(_DSSP) & (residues["value"] > 0)]
    labels = {name: label for name, (label, _) in _DSSP.items()}
    rows, _, name = along_sequence(rows.assign(of=rows["property"].map(labels)))
    scale = alt.Scale(domain=list(labels.values()), range=[color for _, color in _DSSP.values()])
    y = alt.Y("value:Q", title="share of frames", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    tips = [name, alt.Tooltip("of:N", title="class"), alt.Tooltip("value:Q", title="share", format=".1%")]
    chart = alt.Chart(rows[["residue", "name", "of", "value"]].round(4)).mark_bar(width={"band": 1})
    color = alt.Color("of:N", scale=scale, title=None, legend=_LEGEND)
    every = alt.Scale(domain=list(range(1, int(residues["residue"].max()) + 1)))
    axis = alt.Axis(labelOverlap=True, labelAngle=0, ticks=False)
    steps = alt.X("residue:O", title=SEQUENCE, axis=axis, scale=every)
    return Chart(
        finished(chart.encode(x=steps, y=y, color=color, tooltip=tips), 180),
        "Secondary structure along the sequence: share of the frames of MD in each class of DSSP.",
        "Secondary structure of MD by DSSP; what is missing to 100 % is in no class.",
        Table(_wide(rows), "Share of frames in each class, by residue", True),
    )


def _surface(residues: pd.DataFrame) -> Chart:
    wide = residues.pivot_table(index=["residue", "chain", "resid", "resname"], columns="property", values="value")
    rows = wide[["sasa_mean_nm2", "sasa_std_nm2"]].reset_index()
    rows, x, name = along_sequence(rows)
    rows = rows.assign(
        low=(rows["sasa_mean_nm2"] - rows["sasa_std_nm2"]).clip(lower=0),
        high=rows["sasa_mean_nm2"] + rows["sasa_std_nm2"],
    )
    shown = rows[["residue", "name", "sasa_mean_nm2", "low", "high"]].round(4)
    y = alt.Y("sasa_mean_nm2:Q", title="surface (nm²)")
    tips = [name, alt.Tooltip("sasa_mean_nm2:Q", title="surface (nm²)", format=".2f")]
    band = alt.Chart(shown).mark_area(opacity=0.2, color="#28A197").encode(x=x, y="low:Q", y2="high:Q")
    line = alt.Chart(shown).mark_line(color="#28A197").encode(x=x, y=y, tooltip=tips)
    return Chart(
        finished(alt.layer(band, line), 170),
        "Surface of each residue that solvent can reach, mean and standard deviation over the frames of MD.",
        "Surface that solvent can reach: mean, and standard deviation over frames.",
        Table(shown, "Surface by residue (nm²)", True),
    )


def _entropies(residues: pd.DataFrame) -> Chart:
    parts = []
    for angle, (label, *_) in _ANGLES.items():
        own = residues[residues["property"].str.startswith(f"{angle}_")]
        share = own["value"].to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            bits = -np.where(share > 0, share * np.log2(share), 0 * share)
        keys = ["residue", "chain", "resid", "resname"]
        parts.append(own.assign(value=bits).groupby(keys)["value"].sum(min_count=1).reset_index().assign(of=label))
    rows, x, name = along_sequence(pd.concat(parts, ignore_index=True).dropna())
    labels, colors, dashes = zip(*_ANGLES.values(), strict=True)
    color = alt.Color("of:N", scale=alt.Scale(domain=labels, range=colors), title=None, legend=_LEGEND)
    dash = alt.StrokeDash("of:N", scale=alt.Scale(domain=labels, range=dashes), title=None, legend=_LEGEND)
    tips = [name, alt.Tooltip("of:N", title="torsion"), alt.Tooltip("value:Q", title="entropy (bits)", format=".2f")]
    chart = alt.Chart(rows[["residue", "name", "of", "value"]].round(4)).mark_line()
    y = alt.Y("value:Q", title="entropy of bins (bits)")
    return Chart(
        finished(chart.encode(x=x, y=y, color=color, strokeDash=dash, tooltip=tips), 170),
        "Entropy of the torsions phi, psi and chi1 of each residue over bins, in bits.",
        "Entropy of the torsions over their bins: 0 where a residue keeps to one.",
        Table(_wide(rows), "Entropy by residue (bits)", True),
    )


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.pivot_table(index=["residue", "name"], columns="of", values="value", sort=False).reset_index()
