"""What short MD says of the proposals of model and nulls."""

import altair as alt
import pandas as pd

from mdllm.figures.tables import Tables
from mdllm.page.blocks import Block, Chart, Table, Text
from mdllm.page.charts import finished

_USUAL = {"returned": "#B7CDE3", "stayed": "#E8590C", "elsewhere": "#BBBBBB", "fell apart": "#444444"}
_STATES = ("#28A197", "#A8559F", "#801650", "#6E6E6E")


def build(tables: Tables) -> list[Block]:
    verified = tables.summary["verification"]
    made = (
        f"{verified['replicas']} simulations of {verified['length_ps']:g} ps each, {verified['simulated_ns']:.3g} ns "
        f"together; {', '.join(verified['force_field'])}, {verified['solvent']}; side chains {verified['side_chains']}."
    )
    rows = pd.DataFrame(verified["proposals"])
    shown = rows.rename(columns={name: name.replace("_", " ") for name in rows})
    return [
        Text(tuple(f"{sentence}." for sentence in verified["sentences"]), points=True),
        _ends(tables),
        Table(shown, "What became of each proposal"),
        Text((made,)),
    ]


def _ends(tables: Tables) -> Chart:
    simulations = tables.simulations
    rows = simulations.assign(
        of=simulations["source"].where(
            simulations["kind"] == "training", simulations["source"] + ", " + simulations["kind"]
        )
    )
    counts = rows.groupby(["of", "where"], sort=False).size().rename("simulations").reset_index()
    colors = dict(_USUAL) | dict(zip(sorted(set(counts["where"]) - set(_USUAL)), _STATES, strict=False))
    chart = (
        alt.Chart(counts)
        .mark_bar()
        .encode(
            x=alt.X("simulations:Q", stack="normalize", axis=alt.Axis(format="%"), title="simulations that end there"),
            y=alt.Y("of:N", title=None, sort=list(dict.fromkeys(counts["of"]))),
            color=alt.Color(
                "where:N",
                title="end",
                scale=alt.Scale(domain=list(colors), range=list(colors.values())),
                legend=alt.Legend(orient="bottom"),
            ),
            tooltip=["of", "where", "simulations"],
        )
    )
    return Chart(
        finished(chart, height=34 * counts["of"].nunique() + 20),
        "Share of the simulations of each kind of proposal, by where they end.",
        "Where the simulations end: near the training frames, near the proposal, in a named state, elsewhere.",
        Table(counts, "Simulations by where they end", True),
    )
