"""States that nobody named: places where simulations of different proposals end and meet.

One structure that MD leaves where it is may be caught in its own mistakes. Where simulations that started from
different frames come together, MD itself says that there is a state. The ends of all simulations that have not returned
are clustered by their separation (`mdllm.analysis.novelty.clusters`, average linkage); they meet where they are as
alike as ends of simulations of training frames, which all lie in one state, are among themselves (95 % of pairs). A
cluster that at least two proposals reach is a new state.

Axes: E ends, L residues.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import binomtest, fisher_exact
from sklearn.cluster import AgglomerativeClustering

from mdllm.analysis.novelty.clusters import separations
from mdllm.core.geometry import pairwise_rmsd
from mdllm.ensembles.names import MODEL
from mdllm.verification.judge import Judge, last_quarter
from mdllm.verification.verdict import CLUSTER, LOST, NEW_STATE, RESTART, STAYED

_OF_PAIRS = 0.95
_SIGNIFICANT = 0.05


def end_of(backbone: np.ndarray) -> np.ndarray:
    """The most central frame (L, 4, 3) of the last quarter of a simulation (F, L, 4, 3)."""
    last = backbone[last_quarter(len(backbone))]
    points = last[:, :, :3].reshape(len(last), -1, 3).astype(float)
    return last[pairwise_rmsd(points, points).sum(1).argmin()]


def breadth(ends: np.ndarray, judge: Judge) -> float:
    """Separation up to which two ends meet, from those (E, L, 4, 3) of training frames; at least that of a cluster."""
    if len(ends) < 2:
        return judge.near
    apart = _apart(ends, judge)[np.triu_indices(len(ends), 1)]
    return max(judge.near, float(np.quantile(apart, _OF_PAIRS)))


def find_new_states(ends: np.ndarray, proposals: list[str], limit: float, judge: Judge) -> tuple[list[str], list[int]]:
    """Where ends (E, L, 4, 3) of simulations meet, those of most proposals first.

    Args:
        proposals: (E,) names; the replicas of one proposal share it.
        limit: see `breadth`.

    Returns:
        (E,) name of the new state of each, empty where it is in none; and the most central end of each state.
    """
    names = [""] * len(ends)
    if len(ends) < 2:
        return names, []
    apart = _apart(ends, judge)
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=limit
    )
    label = clustering.fit_predict(apart)
    reached = {cluster: {proposals[end] for end in np.flatnonzero(label == cluster)} for cluster in np.unique(label)}
    states = sorted((c for c in reached if len(reached[c]) > 1), key=lambda c: (-len(reached[c]), min(reached[c])))
    middles = []
    for number, cluster in enumerate(states, start=1):
        members = np.flatnonzero(label == cluster)
        middles.append(int(members[apart[np.ix_(members, members)].sum(1).argmin()]))
        for end in members:
            names[end] = f"{NEW_STATE} {number}"
    return names, middles


def reached_by(verdicts: pd.DataFrame) -> pd.DataFrame:
    """How many proposals of each source and kind end in each state, new or named.

    Columns: state, kind, source; proposals that end there, `of` how many; share with low and high, Wilson's 95 %
    interval; p_model_more, by Fisher's exact test, that the model's proposals end there no more often than those of
    this source; more_often, whether all of these are below 0.05 shared among the states (Bonferroni). What the model's
    new clusters are compared with is, beside those of the nulls, restarts.

    Args:
        verdicts: the table `verification/proposals.csv`.
    """
    return pd.DataFrame(_rows(verdicts), columns=_COLUMNS)


_COLUMNS = ["state", "kind", "source", "proposals", "of", "share", "low", "high", "p_model_more", "more_often"]


def _rows(verdicts: pd.DataFrame) -> Iterator[tuple]:
    states = sorted(set(verdicts["outcome"]) - {STAYED, *LOST}, key=lambda name: (len(name), name))
    for state in states:
        counts = {
            kind: {
                source: (int((rows["outcome"] == state).sum()), len(rows))
                for source, rows in own.groupby("source", sort=False)
            }
            for kind, own in verdicts.groupby("kind", sort=False)
        }
        p = {}
        for kind, own in counts.items():
            model = counts.get(CLUSTER if kind == RESTART else kind, {}).get(MODEL)
            p |= {(kind, source): _p_more(model, found) for source, found in own.items() if model and source != MODEL}
        for kind, own in counts.items():
            beside = [value for (of, _), value in p.items() if of == kind or (kind, of) == (CLUSTER, RESTART)]
            more = bool(beside) and max(beside) < _SIGNIFICANT / len(states)
            for source, (found, of) in own.items():
                share = binomtest(found, of)
                interval = share.proportion_ci(method="wilson")
                place = (state, kind, source, found, of, found / of, float(interval.low), float(interval.high))
                yield *place, p.get((kind, source), np.nan), more if source == MODEL else None


def _p_more(model: tuple[int, int], other: tuple[int, int]) -> float:
    table = [[found, of - found] for found, of in (model, other)]
    return float(fisher_exact(table, alternative="greater").pvalue)


def _apart(ends: np.ndarray, judge: Judge) -> np.ndarray:
    """(E, E), symmetric."""
    apart = separations(ends, ends, judge.spans, judge.threshold)
    apart = np.maximum(apart, apart.T)
    np.fill_diagonal(apart, 0)
    return apart
