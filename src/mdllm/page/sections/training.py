"""Training: losses beside their baselines."""

import altair as alt
import pandas as pd

from mdllm.figures.tables import Tables
from mdllm.page.blocks import Block, Chart, Table, Text
from mdllm.page.charts import finished

_LINES = ("training", "validation", "residue-wise frequencies", "last frame")
_COLORS = ("#8FC1EA", "#12436D", "#6E6E6E", "#A8559F")
_LEGEND = alt.Legend(orient="bottom", columns=2)


def build(tables: Tables) -> list[Block]:
    training, log = tables.summary["training"], tables.training_log
    losses = log.rename(columns={"training_loss": "training", "validation_loss": "validation"})
    long = losses.melt("step", ["training", "validation"], "of", "loss").dropna()
    baselines = pd.DataFrame(
        {"of": _LINES[2:], "loss": [training["baseline_frequencies"], training["baseline_persistence"]]}
    )
    color = alt.Color("of:N", title=None, scale=alt.Scale(domain=_LINES, range=_COLORS), legend=_LEGEND)
    y = alt.Y("loss:Q", title="loss (nats per code)", scale=alt.Scale(zero=False))
    lines = alt.Chart(long).mark_line().encode(x=alt.X("step:Q", title="update"), y=y, color=color, strokeDash=_dash())
    rules = alt.Chart(baselines).mark_rule(strokeWidth=2).encode(y=y, color=color, strokeDash=_dash())
    better = "below both baselines" if training["beats_baselines"] else "not below both baselines"
    words = (
        f"Validation loss {training['validation_loss']:.3f} nats per code at update {training['best_step']:,} of "
        f"{training['steps']:,}, {better}: residue-wise frequencies {training['baseline_frequencies']:.3f}, the last "
        f"frame mixed with them {training['baseline_persistence']:.3f}."
    )
    made = f"{training['parameters']:,} parameters, {training['training_seconds']:,.0f} s on {training['device']}"
    made += f", {training['trainings']} trainings." if training["trainings"] > 1 else "."
    numbers = log.dropna(subset="validation_loss")[["step", "training_loss", "validation_loss"]]
    return [
        Text((words, made)),
        Chart(finished(alt.layer(lines, rules), 260), words, "Losses by update.", Table(numbers, "Losses", True)),
    ]


def _dash() -> alt.StrokeDash:
    scale = alt.Scale(domain=_LINES, range=[[1, 0], [1, 0], [2, 3], [6, 4]])
    return alt.StrokeDash("of:N", title=None, scale=scale, legend=_LEGEND)
