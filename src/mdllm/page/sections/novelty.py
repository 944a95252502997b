"""What is new without being named: share of new frames, clusters beside the nulls, and where the chain has moved."""

import altair as alt
import pandas as pd

from mdllm.ensembles.names import NULLS
from mdllm.figures.tables import Tables
from mdllm.page.blocks import Block, Chart, Table, Text
from mdllm.page.charts import finished
from mdllm.report.answer import interval

_SHOWN = 20
_DOT, _LEAST_DOT, _SHORT_CHAIN = 30, 3, 40
_NAMES = {
    "model": "model",
    **{source: f"null: {name}" for source, name in NULLS.items()},
    "held_out": "held-out MD",
    "held_out_coded": "held-out MD, encode→decode",
}


def build(tables: Tables) -> list[Block]:
    novelty = tables.summary["novelty"]
    about = (
        f"A frame is new where it is further from every training frame than {100 * novelty['quantile']:g} % of "
        f"held-out MD ({novelty['held_out']}; {novelty['held_out_frames']:,} frames), as a whole or in "
        f"{novelty['span_residues']} residues one after the other. What is new is no state yet: MD has to keep it."
    )
    blocks: list[Block] = [Text((novelty["verdict"] + ".", about)), _sources(novelty)]
    clusters = tables.new_clusters
    if len(clusters):
        blocks += [_clusters(tables), _strip(tables.new_residues)]
    return blocks


def _sources(novelty: dict) -> Table:
    rows = [{"frames of": _NAMES[name], "new": interval(share)} for name, share in novelty["share_new"].items()]
    return Table(pd.DataFrame(rows), "Share of frames that are new, with intervals")


def _clusters(tables: Tables) -> Table:
    clusters, shares = tables.new_clusters, tables.new_shares
    model = shares[shares["source"] == "model"].set_index("cluster")
    rows = clusters.set_index("cluster")
    shown = pd.DataFrame(
        {
            "cluster": rows.index,
            "frames": model["frames_in_cluster"].reindex(rows.index).astype(int),
            "replicas": model["replicas_reached"].reindex(rows.index).astype(int),
            "RMSD to training (nm)": rows["rmsd_nm"],
            "residues moved": rows["residues_moved"].fillna(""),
            "structures no worse": rows["structures_no_worse"].astype(bool),
            "verdict": rows["verdict"],
        }
    )
    return Table(shown, "Clusters of new frames, the most frequent first")


def _dot(shown: pd.DataFrame) -> float:
    """Area of a dot in pixels, so that those of neighbours in a long chain leave the cells to be seen."""
    return max(_LEAST_DOT, min(_DOT, _DOT * _SHORT_CHAIN / shown["residue"].nunique()))


def _strip(residues: pd.DataFrame) -> Chart:
    shown = residues[residues["cluster"] <= _SHOWN].copy()
    shown["name"] = shown["chain"].astype(str) + " " + shown["resname"] + shown["resid"].astype(str)
    shown["moved"] = shown["moved"].astype(bool)
    columns = ["cluster", "residue", "name", "resid", "change_rad", "held_out_rad", "moved"]
    x = alt.X("residue:O", title="residue", axis=alt.Axis(labelOverlap=True, labelAngle=0, ticks=False))
    y = alt.Y("cluster:O", title="cluster")
    tips = [alt.Tooltip("name:N", title="residue"), "cluster:O"]
    tips += [alt.Tooltip("change_rad:Q", format=".2f", title="change of torsions (rad)")]
    tips += [alt.Tooltip("held_out_rad:Q", format=".2f", title="of held-out MD (rad)")]
    base = alt.Chart(shown[columns]).encode(x=x, y=y, tooltip=tips)
    cells = base.mark_rect().encode(
        color=alt.Color(
            "change_rad:Q",
            title="change of torsions (rad)",
            scale=alt.Scale(domain=[0, 1.57], clamp=True),
            legend=alt.Legend(orient="bottom"),
        )
    )
    dots = base.mark_point(filled=True, color="#E8590C", size=_dot(shown), opacity=1).transform_filter("datum.moved")
    count = shown["cluster"].nunique()
    moved = shown[shown["moved"]].groupby("cluster")["name"].agg(", ".join).reset_index()
    return Chart(
        finished(alt.layer(cells, dots), height=16 * count + 10),
        f"Residues whose torsions have changed, in {count} clusters; a dot marks what moved further than held-out MD.",
        "Along the sequence: the stronger the shade, the more the torsions have changed; a dot marks what moved "
        "further than held-out MD shows.",
        Table(moved.rename(columns={"name": "residues that moved"}), "Residues that moved, by cluster", True),
    )
