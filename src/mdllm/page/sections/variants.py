"""All variants of a system beside each other: what each was trained on, learned and found."""

import pandas as pd

from mdllm.figures.tables import SystemTables
from mdllm.page.blocks import Block, Table
from mdllm.report.answer import interval


def build(system: SystemTables) -> list[Block]:
    summaries = {name: tables.summary for name, tables in system.variants.items()}
    if len(summaries) < 2:
        return []
    rows = [_row(name, summary) for name, summary in summaries.items()]
    return [Table(pd.DataFrame(rows).dropna(axis=1, how="all"), "What each variant was trained on, learned and found")]


def _row(name: str, summary: dict) -> dict:
    training, states = summary["training"], summary["conditions"]["training_states"]
    row = {
        "variant": name,
        "model": summary["conditions"]["model"],
        "learns or starts from": "all frames" if states is None else ", ".join(states) or "ranges of frames",
    }
    if training:
        baseline = min(training["baseline_frequencies"], training["baseline_persistence"])
        row["validation loss (nats per code)"] = round(training["validation_loss"], 3)
        row["best baseline (nats per code)"] = round(baseline, 3)
    for state, entry in (summary.get("discovery") or {}).items():
        row[f"finds {state} in"] = interval(entry["model"]["share_found"])
    if novelty := summary.get("novelty"):
        row["frames that are new"] = interval(novelty["share_new"]["model"])
        row["new clusters (more often than nulls)"] = f"{novelty['clusters']} ({novelty['clusters_more_often']})"
    if kinetics := summary.get("kinetics"):
        row["kinetics"] = kinetics["comparisons"]["model"]["verdict"]
    return row
