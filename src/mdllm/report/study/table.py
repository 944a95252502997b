"""The tables of a study: every run, and means over seeds with their intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from mdllm.config.measures import measures
from mdllm.core.errors import InputError


def record_of(path: str) -> Path:
    """The file that tells of what a measure reads: the training record of a folder `model`, else the file itself."""
    return Path(path, "training.json") if Path(path).is_dir() else Path(path)


def run_table(runs: Sequence[Mapping]) -> pd.DataFrame:
    """One row per run, measure and source: run, a column per axis, seed, measure, source, value.

    Args:
        runs: of each run its name `run`, `axes` (values by key), `seed`, and `files` by measure.

    Raises:
        InputError: a measure has no value in any run, as a distance to MD of states of which there is no MD.
    """
    rows, read = [], {}
    for run in runs:
        for name, path in run["files"].items():
            if (name, path) not in read:  # runs share what their stages share
                read[name, path] = measures()[name].of(Path(path))
            about = {"run": run["run"], **run["axes"], "seed": run["seed"]}
            rows += [{**about, "measure": name, "source": s, "value": value} for s, value in read[name, path].items()]
    if without := [name for name in runs[0]["files"] if name not in {row["measure"] for row in rows}]:
        raise InputError(
            f"no run has a value of {', '.join(without)} ({measures()[without[0]].label}); remove it from `measures`"
        )
    return pd.DataFrame(rows)


def study_table(runs: pd.DataFrame, axes: Sequence[str], confidence: float) -> pd.DataFrame:
    """One row per combination of values, measure and source: means over seeds.

    Columns: the axes, measure, source, mean, low and high (interval of the mean by Student's t; missing with one seed),
    sd, seeds (how many runs have the value).

    Pitfall: seeds differ in fits, trainings and draws; that other MD would have given others is in no interval.
    """
    grouped = runs.groupby([*axes, "measure", "source"], sort=False)["value"]
    table = grouped.agg(mean="mean", sd="std", seeds="count").reset_index()
    count = table["seeds"].to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        half = student.ppf((1 + confidence) / 2, count - 1) * table["sd"] / np.sqrt(count)
    table.insert(table.columns.get_loc("sd"), "low", table["mean"] - half)
    table.insert(table.columns.get_loc("sd"), "high", table["mean"] + half)
    return table
