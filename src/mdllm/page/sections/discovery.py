"""Named states: how often model and nulls are in them, how near they come to true frames, and the verdict."""

import pandas as pd

from mdllm.ensembles.names import NULLS
from mdllm.figures.tables import Tables
from mdllm.page.blocks import Block, Chart, Table, Text
from mdllm.page.charts import SHORT, finished, intervals
from mdllm.report.answer import percent

_SOURCES = ("model", *NULLS)


def build(tables: Tables) -> list[Block]:
    table, states = tables.discovery, tables.states()
    confidence = 100 * tables.description["confidence"]
    given = "given" if tables.summary["base"] else "trained on"
    lines = tuple(_words(state, table[table["state"] == state].set_index("source"), given) for state in states)
    rows = table[table["source"].isin(_SOURCES)]
    columns = ["state", "source", "frames", "share", "share_found", "share_found_low", "share_found_high"]
    columns += ["precision", "replicas_reached", "first_frame_min"]
    columns += ["rmsd_to_true_nm_median", "rmsd_to_reference_nm_median"]
    numbers = rows.assign(source=rows["source"].map(SHORT))[columns].dropna(axis=1, how="all")
    return [
        Text(lines, points=True),
        *(_chart(state, own, confidence) for state, own in rows.groupby("state", sort=False) if _found(own)),
        Table(numbers, "Share of frames in each region, of those found, and distance to true frames (nm)", True),
    ]


def _found(rows: pd.DataFrame) -> bool:
    """Whether anything finds the state: a chart of zeros says less than the sentence."""
    return bool((rows[["share_found", "share_found_high"]] > 0).any(axis=None))


def _chart(state: str, rows: pd.DataFrame, confidence: float) -> Chart:
    shown = rows.rename(columns={"share_found": "value", "share_found_low": "low", "share_found_high": "high"})
    chart = intervals(shown[["source", "value", "low", "high"]], f"frames found in state {state}")
    words = "; ".join(f"{SHORT[row['source']]} {percent(row['share_found'])}" for _, row in rows.iterrows())
    return Chart(
        finished(chart, height=90),
        f"Share of frames in which state {state} is found: {words}.",
        f"State {state}: frames in its region that are as close to true frames, where any are known, as these are to "
        f"each other; {confidence:g} % intervals.",
    )


def _words(state: str, rows: pd.DataFrame, given: str) -> str:
    model = rows.loc["model"]
    role = given if model["training_state"] else "never shown"
    reached = f"visited by {int(model['replicas_reached'])} of {int(model['clusters'])} replicas"
    return f"State {state} ({role}), {reached}: {model['verdict']}."
