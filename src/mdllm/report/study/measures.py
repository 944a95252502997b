"""What a study measures: functions of one file of a run to values by source (`mdllm.config.measures`).

Sources are the model and its nulls (`roundtrip`, the reconstruction floor; `frequencies`, codes drawn residue by
residue), or what a measure has in their place: groups of frames, states, pairs of states.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.analysis.quality.geometry import METRICS
from mdllm.core.records import read_json
from mdllm.ensembles.names import MD, MODEL
from mdllm.verification.verdict import CLUSTER, LOST, NEW_STATE, TRAINING

Values = dict[str, float]
_VALID_QUANTILE = 0.99
_JUDGED = [name for name, metric in METRICS.items() if metric.tolerance is not None]
_DISTANCES = ("populations", "mfpt_ps", "transitions_per_ns", "staying", "committor")


def reconstruction(path: Path) -> Values:
    """Median backbone RMSD, nm, of encode->decode, of training frames and of frames that were not fitted."""
    fidelity = read_json(path)
    return {group: fidelity[group]["rmsd_nm"]["median"] for group in ("training", "unseen") if fidelity[group]}


def states_kept(path: Path) -> Values:
    """Share of frames that are still in their state after encode->decode, mean over the states of each group."""
    fidelity, found = read_json(path), {}
    for group in ("training", "unseen"):
        if fidelity[group] and fidelity[group]["state_kept"]:
            found[group] = float(np.mean([state["share"] for state in fidelity[group]["state_kept"].values()]))
    return found


def validation_loss(path: Path) -> Values:
    """Nats per code of the model and of its baselines."""
    training = read_json(path / "training.json")
    names = {MODEL: "validation_loss", "frequencies": "baseline_frequencies", "persistence": "baseline_persistence"}
    return {source: training[key] for source, key in names.items()}


def found(path: Path) -> Values:
    """Share of frames in states that were not trained on, by source; nothing where all were."""
    unseen = _read_csv(path).query("not training_state")
    return unseen.groupby("source")["share"].sum().to_dict()


def visited(path: Path) -> Values:
    """Share of the model's frames in each state, and of code frequencies'."""
    table = _read_csv(path).query(f"source in ('{MODEL}', 'frequencies')")
    return {f"{row.source}: {row.state}": row.share for row in table.itertuples()}


def distance_to_true(path: Path) -> Values:
    """Median RMSD, nm, of frames in states not trained on to the nearest MD frame of these; of the nearest state."""
    unseen = _read_csv(path).query("not training_state").dropna(subset="rmsd_to_true_nm_median")
    return unseen.groupby("source")["rmsd_to_true_nm_median"].min().to_dict()


def valid(path: Path) -> Values:
    """Share of frames whose judged metrics of quality all lie within what 99 % of MD's training frames have.

    A metric may exceed that by its tolerance (`mdllm.analysis.quality.geometry.METRICS`), as where a model is judged.
    """
    frames = pd.read_parquet(path)
    md = frames[(frames["source"] == MD) & frames["training"]]
    bad = np.zeros(len(frames), bool)
    for name in _JUDGED:
        bad |= (frames[name] > md[name].quantile(_VALID_QUANTILE) + METRICS[name].tolerance).to_numpy()
    training = np.where(frames["source"] == MD, np.where(frames["training"], "training", "md"), frames["source"])
    return pd.Series(~bad).groupby(training).mean().to_dict()


def new(path: Path) -> Values:
    """Share of frames beyond what held-out MD shows, by source."""
    return _read_csv(path).set_index("source")["share_new"].to_dict()


def kept_by_md(path: Path) -> Values:
    """Share of proposed clusters, and of training frames, that end where they were, or in a state not trained on."""
    return _outcomes(path, lambda outcome: outcome not in LOST)


def in_new_states(path: Path) -> Values:
    """Share of proposed clusters, and of training frames, that end where others do as well."""
    return _outcomes(path, lambda outcome: outcome.startswith(NEW_STATE))


def _outcomes(path: Path, counted: Callable[[str], bool]) -> Values:
    table = _read_csv(path).query(f"kind in ('{CLUSTER}', '{TRAINING}')")
    return table["outcome"].map(counted).groupby(table["source"]).mean().to_dict()


def population(path: Path) -> Values:
    """Share of frames in each state, of the model and of MD."""
    table = _read_csv(path).query("level == 'state'")
    return {
        f"{row.source}: {row.name_}": row.population for row in table.rename(columns={"name": "name_"}).itertuples()
    }


def passage_time(path: Path) -> Values:
    """Mean first passage times in ps, counted, of the model and of MD."""
    table = _read_csv(path).query("method == 'direct'").dropna(subset="mfpt_ps")
    return {f"{row.source}: {row.start}→{row.end}": row.mfpt_ps for row in table.itertuples()}


def slowest_timescale(path: Path) -> Values:
    """Implied timescale in ps of the slowest process at the longest lag, of the model and of MD."""
    table = _read_csv(path).query("method == 'msm' and process == 1").dropna(subset="timescale_ps")
    return table.sort_values("lag_ps").groupby("source")["timescale_ps"].last().to_dict()


def distance(path: Path) -> Values:
    """Root mean square of the distances from the reference in combined standard errors, by kind of quantity."""
    comparisons, found = read_json(path)["kinetics"]["comparisons"]["model"], {}
    kinds = {name: comparisons[name] for name in _DISTANCES} | {"timescale": [comparisons["slowest_timescale_ps"]]}
    for name, rows in kinds.items():
        distances = [row["distance"] for row in rows if row["distance"] is not None]
        if distances:
            found[name.removesuffix("_ps").removesuffix("_per_ns")] = math.sqrt(np.mean(np.square(distances)))
    return found


def _read_csv(path: Path) -> pd.DataFrame:
    """A CSV in which only an empty field is missing: a state may be called NA."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
