"""Discovery: verdicts, and intervals that cover what they should."""

import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.bootstrap import blocks_of_series, interval_of_mean, interval_of_median
from mdllm.analysis.discovery.table import discovery_table, doubts_about
from mdllm.config.settings.stages import AnalysisSettings

SETTINGS = AnalysisSettings(resamples=400)
REPLICAS, FRAMES = 10, 20


def frames(shares: dict[str, np.ndarray], distance: dict[str, float] | None = None) -> pd.DataFrame:
    """Table of a system with states A (trained on) and B; `shares` are those of B in each replica."""
    parts = []
    for source, share in shares.items():
        inside = np.arange(FRAMES)[None] >= np.round((1 - np.asarray(share)[:, None]) * FRAMES)
        parts.append(
            pd.DataFrame(
                {
                    "source": source,
                    "replica": np.repeat(np.arange(len(inside)), FRAMES),
                    "frame": np.tile(np.arange(FRAMES), len(inside)),
                    "segment": 0,
                    "state": np.where(inside.ravel(), "B", "A"),
                    **{f"rmsd_to_true_{s}_nm": (distance or {}).get(source, 0.1) for s in "AB"},
                    **{f"rmsd_to_reference_{s}_nm": np.nan for s in "AB"},
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def verdict(state="B", doubts=(), **shares):
    table = discovery_table(frames(shares), ["A", "B"], "A", list(doubts), SETTINGS, seed=0)
    return table.set_index(["state", "source"]).loc[(state, "model")]


def test_many_replicas_against_silent_nulls_beat_both():
    found = verdict(model=[0.5] * 5 + [0.0] * 5, roundtrip=[0.0] * 10, frequencies=[0.0] * 10)
    assert found["verdict"] == "beats both nulls"
    assert found["beats_nulls"]
    assert (found["replicas_reached"], found["first_frame_min"], found["first_frame_median"]) == (5, 10, 10)


def test_a_model_that_has_learned_nothing_discovers_nothing():
    """Codes at random reach every state more often than the nulls do."""
    poor = {"validation_loss": 2.6, "baseline_frequencies": 1.6, "baseline_persistence": 1.5}
    fine = pd.DataFrame({"no_worse": [None, True], "within_limit": [None, True]})
    bad = pd.DataFrame({"no_worse": [None, False], "within_limit": [None, True]})
    good = {**poor, "validation_loss": 1.4}
    assert doubts_about(good, fine) == []
    assert doubts_about(good, bad) == ["its structures are worse than its null's"]
    assert len(doubts_about(poor, bad)) == 2
    shares = {"model": [0.5] * 10, "roundtrip": [0.0] * 10, "frequencies": [0.0] * 10}
    found = verdict(doubts=doubts_about(poor, fine), **shares)
    assert found["verdict"] == "more often than both nulls, but it predicts no better than a baseline"
    assert found["beats_nulls"]


def test_one_lucky_replica_beats_nothing():
    found = verdict(model=[0.9] + [0.0] * 9, roundtrip=[0.0] * 10, frequencies=[0.0] * 10)
    assert found["share"] == pytest.approx(0.09)
    assert found["verdict"] == "no better than its null (encode→decode and code frequencies)"


def test_a_null_that_reaches_the_state_as_often_is_named():
    found = verdict(model=[0.3] * 10, roundtrip=[0.0] * 10, frequencies=[0.3] * 10)
    assert found["verdict"] == "no better than its null (code frequencies)"
    assert not found["beats_nulls"]


def test_a_state_that_is_never_reached_is_not_found():
    assert verdict(model=[0.0] * 10, roundtrip=[0.0] * 10, frequencies=[0.0] * 10)["verdict"] == "not found"
    worse = verdict(model=[0.0] * 10, roundtrip=[0.0] * 10, frequencies=[0.1] * 10)
    assert worse["verdict"] == "not found, no better than its null"


def test_the_training_state_is_asked_whether_the_model_stays():
    stays = verdict("A", model=[0.0] * 10, roundtrip=[0.0] * 10, frequencies=[0.1] * 10)
    assert stays["verdict"] == "stays at least as much as one of its nulls"
    leaves = verdict("A", model=[0.5] * 10, roundtrip=[0.0] * 10, frequencies=[0.1] * 10)
    assert leaves["verdict"] == "leaves the training state more often than both nulls"


def test_one_replica_cannot_be_judged():
    found = verdict(model=[0.5], roundtrip=[0.0] * 10, frequencies=[0.0])
    assert pd.isna(found["beats_nulls"])
    assert found["verdict"] == "not judged: intervals need at least two replicas"


def test_distances_are_judged_the_other_way_round():
    shares = dict.fromkeys(("model", "roundtrip", "frequencies"), [0.0] * 10)
    for own, closer in ((0.05, True), (0.15, False)):
        table = discovery_table(frames(shares, {"model": own}), ["A", "B"], "A", [], SETTINGS, seed=0)
        model = table[(table["state"] == "B") & (table["source"] == "model")].iloc[0]
        assert model["closer_than_nulls"] is closer
        assert model["rmsd_to_true_nm_min"] == own
        assert np.isnan(model["rmsd_to_reference_nm_median"])


def test_intervals_of_a_mean_cover_the_truth_at_their_level():
    """Clusters of correlated frames: the interval must hold the true mean about as often as it says."""
    rng, covered = np.random.default_rng(0), []
    cluster = np.repeat(np.arange(30), 10)
    for _ in range(300):
        values = np.repeat(rng.normal(size=30), 10) + 0.1 * rng.normal(size=300)
        interval = interval_of_mean(values, cluster, 0.9, 300, rng)
        covered.append(interval.low < 0 < interval.high)
    assert 0.83 < np.mean(covered) < 0.95


def test_frames_of_one_cluster_are_not_counted_as_independent():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=20), 50)
    clustered = interval_of_mean(values, np.repeat(np.arange(20), 50), 0.95, 1000, rng)
    pretended = interval_of_mean(values, np.arange(1000), 0.95, 1000, rng)
    assert clustered.high - clustered.low > 4 * (pretended.high - pretended.low)


def test_the_median_of_a_resample_is_that_of_its_frames():
    rng = np.random.default_rng(1)
    values, cluster = rng.normal(size=60), np.repeat(np.arange(6), 10)
    interval = interval_of_median(values, cluster, 0.9, 4000, np.random.default_rng(2))
    draws = np.random.default_rng(3).integers(6, size=(4000, 6))
    medians = [np.median(np.concatenate([values[cluster == k] for k in draw])) for draw in draws]
    assert interval.value == pytest.approx(np.median(values))
    np.testing.assert_allclose([interval.low, interval.high], np.quantile(medians, [0.05, 0.95]), atol=0.06)


def test_one_cluster_has_no_interval():
    interval = interval_of_mean(np.ones(5), np.zeros(5), 0.95, 10, np.random.default_rng(0))
    assert interval.value == 1
    assert np.isnan([interval.low, interval.high]).all()


def test_blocks_straddle_no_border_of_a_segment():
    segment = np.repeat([0, 1, 2], [45, 7, 48])
    blocks = blocks_of_series(segment, blocks=10)
    assert np.bincount(blocks).max() == 10
    assert all(len(set(segment[blocks == block])) == 1 for block in np.unique(blocks))
    assert (np.diff(blocks) >= 0).all()
