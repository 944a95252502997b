"""What short MD says of the proposals of model and nulls: where simulations of them end, and on which way."""

import altair as alt
import pandas as pd

from mdllm.figures.tables import Tables
from mdllm.page.blocks import Block, Chart, Table, Text
from mdllm.page.charts import SHORT, finished
from mdllm.verification.verdict import RESTART, TRAINING, states_shown

_USUAL = {
    "returned": ("near training frames", "#B7CDE3"),
    "stayed": ("near the proposal", "#E8590C"),
    "elsewhere": ("elsewhere", "#BBBBBB"),
    "fell apart": ("fell apart", "#444444"),
}
_STATES = ("#28A197", "#A8559F", "#801650", "#6E6E6E")


def build(tables: Tables) -> list[Block]:
    verified = tables.summary["verification"]
    made = (
        f"Simulations of each proposal: {verified['replicas']}, of {verified['length_ps']:g} ps, "
        f"{verified['simulated_ns']:.3g} ns together; {', '.join(verified['force_field'])}, {verified['solvent']}; "
        f"side chains {verified['side_chains']}."
        f" A proposal has returned where it is as near to training frames as novelty {verified['limit']:.2g}, which is "
        "how far simulations of these go themselves, and at least 1. A new state is where simulations of several "
        "proposals meet, no further apart than those of training frames are among themselves."
    )
    simulations = _grouped(tables)
    states = states_shown(simulations["where"], len(_STATES))
    simulations["where"] = simulations["where"].replace(states)
    looks = _USUAL | {name: (name, color) for name, color in zip(dict.fromkeys(states.values()), _STATES, strict=False)}
    return [
        Text(tuple(f"{sentence}." for sentence in verified["sentences"]), points=True),
        _ends(simulations, looks),
        *_way(tables.simulated_frames, simulations, looks),
        *_reached(verified["states"]),
        *_rounds(verified["rounds"]),
        _proposals(verified["proposals"]),
        Text((made,)),
    ]


def _reached(rows: list[dict]) -> list[Table]:
    """The states that proposals end in, beside those of the nulls; none where there is none."""
    if not rows:
        return []
    table = pd.DataFrame(rows)
    of = table["proposals"].astype(str) + " of " + table["of"].astype(str)
    between = (100 * table[["low", "high"]]).map("{:.1f}".format).agg("–".join, axis=1)
    kind = (", " + table["kind"]).where(~table["kind"].isin([TRAINING, RESTART]), "")
    table["whose"] = table["source"].map(SHORT).str.replace("null: ", "null, ") + kind
    shown = table.assign(of=of, share=(100 * table["share"]).map("{:.1f} %".format) + " (" + between + ")")
    shown["p_model_more"] = shown["p_model_more"].astype(float).round(4)
    named = {
        "state": "state",
        "whose": "proposals of",
        "of": "end there",
        "share": "share (95 % interval)",
        "p_model_more": "p, the model's no more often",
    }
    return [Table(shown[list(named)].rename(columns=named), "States that simulations end in, of model and nulls")]


def _rounds(rows: list[dict]) -> list[Table]:
    """What each round has cost and found; none where there is one round alone."""
    table = pd.DataFrame(rows)
    if table.empty or table["round"].nunique() < 2:
        return []
    table["source"] = table["source"].map(SHORT)
    named = {
        "round": "round",
        "source": "proposals of",
        "proposals": "proposals",
        "simulated_ns": "MD (ns)",
        "kept": "kept by MD",
        "states": "states",
        "kept_per_ns": "kept per ns",
        "states_per_ns": "states per ns",
    }
    shown = table[list(named)].round({"simulated_ns": 4, "kept_per_ns": 1, "states_per_ns": 1}).rename(columns=named)
    return [Table(shown, "What each round of proposals has cost and found")]


def _grouped(tables: Tables) -> pd.DataFrame:
    """Simulations with the kind and the source of their proposal, and the group that they are counted in."""
    proposals = tables.verified[["proposal", "kind", "source", "group"]].copy()
    state = proposals["group"].astype(str).str.rpartition("_")[0]
    what = (
        proposals["kind"]
        .map({"cluster": ": new clusters", "random": ": random frames", "restart": "", "training": ""})
        .fillna(": frames in " + state)
    )
    proposals["of"] = proposals["source"].map(SHORT).str.replace("null: ", "null, ") + what
    return tables.simulations.merge(proposals.drop(columns="group"), on="proposal")


def _color(looks: dict[str, tuple[str, str]]) -> alt.Color:
    scale = alt.Scale(domain=[label for label, _ in looks.values()], range=[color for _, color in looks.values()])
    return alt.Color("end:N", title=None, scale=scale, legend=alt.Legend(orient="bottom", columns=5))


def _ends(simulations: pd.DataFrame, looks: dict[str, tuple[str, str]]) -> Chart:
    counts = simulations.groupby(["of", "where"], sort=False).size().rename("simulations").reset_index()
    counts = counts.assign(end=counts["where"].map({name: label for name, (label, _) in looks.items()}))
    counts["order"] = counts["where"].map({name: number for number, name in enumerate(looks)})
    x = alt.X("simulations:Q", stack="normalize", axis=alt.Axis(format="%"), title="share of simulations")
    lines = alt.Axis(labelExpr="split(datum.label, ': ')")
    y = alt.Y("of:N", title=None, sort=list(dict.fromkeys(counts["of"])), axis=lines)
    chart = alt.Chart(counts).mark_bar()
    chart = chart.encode(x=x, y=y, color=_color(looks), order="order:Q", tooltip=["of", "end", "simulations"])
    return Chart(
        finished(chart, height=38 * counts["of"].nunique() + 20),
        "Share of the simulations of each kind of proposal, by where they end.",
        "Where the simulations end: near the training frames, near the proposal, in a named state, elsewhere.",
        Table(counts[["of", "end", "simulations"]], "Simulations by where they end", True),
    )


def _way(frames: pd.DataFrame, simulations: pd.DataFrame, looks: dict[str, tuple[str, str]]) -> list[Chart]:
    """Novelty over time; none where the model has nothing to propose."""
    own = simulations[simulations["source"] == "model"]
    if own.empty:
        return []
    keys = ["proposal", "replica"]
    rows = frames.merge(own[[*keys, "where"]], on=keys, suffixes=("_now", ""))
    rows = rows.assign(
        end=rows["where"].map({name: label for name, (label, _) in looks.items()}),
        run=rows["proposal"] + ", replica " + rows["replica"].astype(str),
    )
    tips = [alt.Tooltip("run:N", title="simulation"), alt.Tooltip("end:N", title="ends")]
    tips += [alt.Tooltip("time_ps:Q", title="time (ps)"), alt.Tooltip("novelty:Q", format=".2f")]
    shown = rows[["run", "end", "time_ps", "novelty"]].round(3)
    lines = alt.Chart(shown).mark_line(strokeWidth=1.5, opacity=0.85)
    y = alt.Y("novelty:Q", title="novelty", scale=alt.Scale(zero=True))
    lines = lines.encode(
        x=alt.X("time_ps:Q", title="time (ps)"), y=y, detail="run:N", color=_color(looks), tooltip=tips
    )
    limit = alt.Chart(pd.DataFrame({"novelty": [1]})).mark_rule(strokeDash=[6, 4], color="#000000").encode(y=y)
    return [
        Chart(
            finished(alt.layer(limit, lines), height=240),
            "Novelty over time of the simulations that start from proposals of the model, by where they end.",
            "Simulations of the model's proposals: novelty over time; the dashed line is the limit of held-out MD.",
        )
    ]


def _proposals(rows: list[dict]) -> Table:
    named = {
        "proposal": "proposal",
        "outcome": "outcome",
        "replicas": "simulations",
        "share_returned": "returned",
        "share_stayed": "stayed",
        "share_reached": "in a state",
        "share_elsewhere": "elsewhere",
        "share_apart": "fell apart",
        "energy_above_training_kj_mol": "energy above training (kJ/mol)",
        "drift_nm": "drift (nm)",
    }
    table = pd.DataFrame(rows)[list(named)].rename(columns=named)
    return Table(table, "What became of each proposal: shares of its simulations")
