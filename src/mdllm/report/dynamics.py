"""The section `dynamics` of a summary, from the tables of that stage."""

from pathlib import Path

import pandas as pd

from mdllm.core.records import read_json
from mdllm.ensembles.names import FREQUENCIES, HALVES, MD, MODEL, TRAINING

_WORDS = {
    "rmsf": "RMSF",
    "torsions": "torsions",
    "secondary_structure": "secondary structure",
    "contacts": "contacts",
    "correlation": "correlation of motion",
}


def dynamics(folder: Path) -> dict:
    """The content of `mdllm.report.schema.ensembles.DynamicsSummary` from the folder `dynamics/`."""
    about, table = read_json(folder / "dynamics.json"), pd.read_csv(folder / "agreement.csv")
    groups = table.groupby(["quantity", "measure", "reference"], sort=False)
    agreement = [_agreement(rows) for _, rows in groups if MODEL in set(rows["source"])]
    names = ("frames", "clusters", "contact_nm", "network_modes")
    return {**{name: about[name] for name in names}, "agreement": agreement, "verdict": _verdict(agreement)}


def _agreement(rows: pd.DataFrame) -> dict:
    model = rows[rows["source"] == MODEL].iloc[0]
    return {
        **{name: model[name] for name in ("quantity", "measure", "reference", "headline", "meaning")},
        "by_source": {
            row.source: {
                "value": row.value,
                "standard_error": None if pd.isna(row.standard_error) else row.standard_error,
            }
            for row in rows.itertuples()
        },
        **{name: [] if pd.isna(model[name]) else model[name].split() for name in ("nearer_than", "farther_than")},
    }


def _verdict(agreement: list[dict]) -> str:
    """What the headline numbers say beside code frequencies and beside MD's own halves."""
    clauses = []
    for reference, words in ((TRAINING, "the training frames"), (MD, "all of MD")):
        own = [entry for entry in agreement if entry["headline"] and entry["reference"] == reference]
        if own:
            nearer, farther = (
                ", ".join(_WORDS[entry["quantity"]] for entry in own if FREQUENCIES in entry[key]) or "nothing"
                for key in ("nearer_than", "farther_than")
            )
            short = sum(HALVES in entry["farther_than"] for entry in own)
            clauses.append(
                f"beside {words} nearer than code frequencies in {nearer}, farther in {farther}, and short of MD with "
                f"itself in {short} of {len(own)}"
            )
    return "the model moves, " + "; ".join(clauses)
