"""Tables of new frames and their clusters, of a few frames that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.novelty.table import cluster_table, share_table, source_table
from mdllm.analysis.quality.geometry import METRICS
from mdllm.config.settings.stages import AnalysisSettings

JUDGED = {name: metric.tolerance for name, metric in METRICS.items() if metric.tolerance is not None}
REPLICAS, FRAMES, LENGTH = 4, 10, 20
SETTINGS = AnalysisSettings()


def of_source(source: str, clusters: dict[tuple[int, int], int]) -> pd.DataFrame:
    """Frames of four replicas, of which those at (replica, frame) are new and in a cluster."""
    places = [(replica, frame) for replica in range(REPLICAS) for frame in range(FRAMES)]
    cluster = np.array([clusters.get(place, 0) for place in places])
    number = np.arange(len(places), dtype=float)
    measures = ("novelty", "rmsd_nm", "span_rmsd_nm", "span_torsion_rad")
    return pd.DataFrame(places, columns=["replica", "frame"]).assign(
        source=source,
        segment=0,
        sample=2,
        cluster=cluster,
        new=cluster > 0,
        nearest_training_frame=500 + number,
        **{name: number + 100 * k for k, name in enumerate(measures)},
        log_likelihood_nats=-number * LENGTH,
        log_likelihood_base_nats=np.nan,
        log_likelihood_tuned_nats=np.nan,
        **dict.fromkeys(JUDGED, 0.1),
    )


@pytest.fixture
def frames():
    model = {(0, 4): 1, (0, 5): 1, (0, 6): 1, (2, 7): 1, (2, 8): 1, (1, 9): 2}
    return pd.concat(
        [of_source("model", model), of_source("frequencies", {(3, 3): 1}), of_source("roundtrip", {})],
        ignore_index=True,
    )


def test_a_source_has_its_share_of_new_frames_and_its_distances(frames):
    table = source_table(frames, SETTINGS, 0).set_index("source")
    assert table["frames"].tolist() == [40, 40, 40]
    assert table.loc[["model", "frequencies"], "clusters"].tolist() == [REPLICAS, REPLICAS]
    assert table["share_new"].tolist() == pytest.approx([6 / 40, 1 / 40, 0])
    assert table.loc["model", "share_new_low"] < 6 / 40 < table.loc["model", "share_new_high"]
    for k, name in enumerate(("novelty", "rmsd_nm", "span_rmsd_nm", "span_torsion_rad")):
        assert table.loc["model", f"{name}_median"] == pytest.approx(19.5 + 100 * k)
        assert table.loc["model", f"{name}_p95"] == pytest.approx(0.95 * 39 + 100 * k)


def test_a_cluster_is_counted_in_the_model_and_in_each_null(frames):
    table = share_table(frames, 2, SETTINGS, 0)
    assert len(table) == 2 * 3
    assert table.notna().any().all()
    table = table.set_index(["cluster", "source"])
    assert table.loc[(1, "model"), "share_low"] < 5 / 40 < table.loc[(1, "model"), "share_high"]
    assert table.loc[(1, "frequencies"), "times_more_low"] < 5 < table.loc[(1, "frequencies"), "times_more_high"]
    model, null = table.loc[(1, "model")], table.loc[(1, "frequencies")]
    assert (model["frames_in_cluster"], model["replicas_reached"], model["first_frame"]) == (5, 2, 4)
    assert (null["frames_in_cluster"], null["replicas_reached"], null["first_frame"]) == (1, 1, 3)
    assert (model["share"], null["share"]) == pytest.approx((5 / 40, 1 / 40))
    assert null["times_more"] == pytest.approx(5)
    assert np.isnan(model["times_more"])
    assert not null["never_reached"]
    second = table.loc[(2, "frequencies")]
    assert second["never_reached"]
    assert (second["times_more"], second["frames_in_cluster"]) == (pytest.approx(1), 0)  # as if reached once
    assert table.loc[(1, "roundtrip"), ["replicas_reached", "first_frame"]].isna().all()
    assert table.index.get_level_values("source").unique().tolist() == ["model", "frequencies", "roundtrip"]
    alone = share_table(frames, 2, SETTINGS, 0, nulls=["roundtrip"])
    assert alone["source"].unique().tolist() == ["model", "roundtrip"]


def clusters_of(frames, *, low=(2.0, 2.0), worse=0.0, doubts=(), lacking=None) -> pd.Series:
    """Row of cluster 1, whose structures exceed those of the reconstruction floor by `worse` of what is tolerated."""
    shares = pd.DataFrame(
        {"cluster": [1, 1, 1], "source": ["model", "frequencies", "roundtrip"], "times_more_low": [np.nan, *low]}
    )
    moved = pd.DataFrame(
        {"cluster": 1, "residue": [3, 4, 5], "resid": [4, 5, 6], "chain": "A", "moved": [True, True, False]}
    )
    of_floor = {"roundtrip": [0.1 - worse * tolerance for tolerance in JUDGED.values()], "model": [9.0] * len(JUDGED)}
    quality = pd.concat(
        pd.DataFrame({"source": source, "metric": list(JUDGED), "mean": means, "floor": "roundtrip"})
        for source, means in of_floor.items()
    )
    if lacking:
        quality = quality[(quality["metric"] != lacking)]
    medoids = frames[(frames["source"] == "model") & (frames["cluster"] == 1)].iloc[[1]]
    return cluster_table(frames, medoids, shares, moved, quality, list(doubts), LENGTH).iloc[0]


def test_a_cluster_has_its_medoid_its_likelihood_and_what_has_moved(frames):
    row = clusters_of(frames)
    assert row["cluster"] == 1
    assert (row["medoid_replica"], row["medoid_frame"], row["medoid_sample"]) == (0, 5, 2)
    assert (row["nearest_training_frame"], row["rmsd_nm"], row["novelty_median"]) == (505, 105, 6)
    assert row["log_likelihood_per_code_nats"] == pytest.approx(-np.mean([4, 5, 6, 27, 28]))
    assert np.isnan(row["log_likelihood_base_per_code_nats"])
    assert row["residues_moved"] == "4-5"
    assert row["clashes_per_residue"] == pytest.approx(0.1)
    assert (row["more_often_than_nulls"], row["verdict"]) == (True, "more often than its nulls")


@pytest.mark.parametrize(("worse", "no_worse"), [(0.9, True), (1.1, False), (-3.0, True)])
def test_structures_are_no_worse_within_what_is_tolerated(frames, worse, no_worse):
    row = clusters_of(frames, worse=worse)
    assert row["structures_no_worse"] == no_worse
    assert ("the structures of this cluster are worse than its null's" in row["verdict"]) != no_worse


def test_a_metric_that_the_floor_lacks_is_not_judged(frames):
    frames = frames.assign(cis_share=np.where(frames["source"] == "model", 5.0, 0.1))
    assert not clusters_of(frames)["structures_no_worse"]
    assert clusters_of(frames, lacking="cis_share")["structures_no_worse"]


def test_one_null_that_does_as_well_is_enough(frames):
    row = clusters_of(frames, low=(2.0, 1.0))
    assert (row["more_often_than_nulls"], row["verdict"]) == (False, "no more often than its null (encode→decode)")
    row = clusters_of(frames, low=(0.5, 0.9))
    assert row["verdict"] == "no more often than its null (code frequencies and encode→decode)"
    row = clusters_of(frames, low=(2.0, np.nan))
    assert (row["more_often_than_nulls"], row["verdict"][:10]) == (None, "not judged")


def test_doubts_stand_beside_the_verdict_once_each(frames):
    row = clusters_of(frames, doubts=["it predicts no better", "it is no protein", "it predicts no better"])
    assert row["verdict"] == "more often than its nulls, but it predicts no better and it is no protein"
