"""The sections `novelty` and `verification` of a summary, from the tables of these stages."""

from pathlib import Path

import pandas as pd

from mdllm.analysis.novelty.table import HELD_OUT_CODED
from mdllm.core.records import read_json
from mdllm.ensembles.names import MODEL
from mdllm.report.schema.new_frames import VerifiedProposal

_LARGEST = 20


def novelty(folder: Path) -> dict:
    """The content of `mdllm.report.schema.new_frames.NoveltySummary` from the folder `novelty/`."""
    about = read_json(folder / "novelty.json")
    sources = pd.read_csv(folder / "sources.csv").set_index("source")
    clusters, shares = (pd.read_csv(folder / f"{name}.csv") for name in ("clusters", "shares"))
    share_new = {source: _interval(row, "share_new") for source, row in sources.iterrows()}
    counted = clusters_in_words(len(clusters), about["clusters_found"])
    more = int((clusters["more_often_than_nulls"] == True).sum())  # noqa: E712 (None: not judged)
    return {
        "held_out": about["held_out_meaning"],
        **{key: about[key] for key in ("held_out_frames", "quantile", "span_residues")},
        "share_new": share_new,
        "clusters_found": about["clusters_found"],
        "clusters": len(clusters),
        "clusters_more_often": more,
        "largest": [
            _cluster(row, shares[shares["cluster"] == row["cluster"]])
            for row in clusters.head(_LARGEST).to_dict("records")
        ],
        "verdict": (
            f"{100 * share_new[MODEL]['value']:.1f} % of the generated frames are new (held-out MD: "
            f"{100 * share_new[HELD_OUT_CODED]['value']:.1f} %), in {counted}, of which the model "
            f"reaches {more or 'none'} more often than every null"
        ),
    }


def verification(folder: Path) -> dict:
    """The content of `mdllm.report.schema.new_frames.VerificationSummary` from the folder `verification/`."""
    about, proposals = read_json(folder / "verdict.json"), pd.read_csv(folder / "proposals.csv")
    states, rounds = (pd.read_csv(folder / f"{name}.csv") for name in ("states", "rounds"))
    return {
        **about,
        "proposals": _records(proposals[list(VerifiedProposal.model_fields)]),
        "states": _records(states),
        "rounds": _records(rounds),
    }


def _records(table: pd.DataFrame) -> list[dict]:
    return [{key: _value(value) for key, value in row.items()} for row in table.to_dict("records")]


def clusters_in_words(looked_at: int, found: int) -> str:
    """How many clusters there are, and how many of them are looked at, where these are fewer."""
    largest = f" (the {looked_at:,} largest are looked at)" if looked_at < found else ""
    return f"{found:,} cluster{'s' * (found != 1)}{largest}"


def _cluster(row: dict, shares: pd.DataFrame) -> dict:
    by_source = shares.set_index("source")
    model, nulls = by_source.loc[MODEL], by_source.drop(MODEL)
    names = ("cluster", "rmsd_nm", "residues_moved", "structures_no_worse", "verdict")
    return {
        **{name: row[name] for name in names},
        **{name: _value(row[name]) for name in ("log_likelihood_per_code_nats", "more_often_than_nulls")},
        "frames": int(model["frames_in_cluster"]),
        "share": _interval(model, "share"),
        "replicas_reached": int(model["replicas_reached"]),
        "first_frame": int(model["first_frame"]),
        "times_more": {source: _interval(null, "times_more") for source, null in nulls.iterrows()},
    }


def _interval(row: pd.Series, name: str) -> dict:
    return {"value": _value(row[name]), "low": _value(row[f"{name}_low"]), "high": _value(row[f"{name}_high"])}


def _value(value):
    """None for what is missing."""
    return None if pd.isna(value) else value
