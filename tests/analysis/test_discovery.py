"""Discovery: verdicts, and intervals that cover what they should."""

import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.discovery.table import discovery_table, doubts_about
from mdllm.config.settings.stages import AnalysisSettings
from mdllm.core.bootstrap import blocks_of_series, interval_of_mean, interval_of_median
from mdllm.ensembles.names import NULLS

SETTINGS = AnalysisSettings(resamples=400)
REPLICAS, FRAMES = 10, 20


def frames(
    shares: dict[str, np.ndarray], distance: dict[str, float] | None = None, as_close: dict[str, int] | None = None
) -> pd.DataFrame:
    """Table of a system with states A (trained on) and B; `shares` are those of B in each replica.

    Every frame in B is found, or one of `as_close`.
    """
    parts, as_close = [], as_close or {}
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
                    "found_A": ~inside.ravel(),
                    "found_B": inside.ravel() & (np.arange(inside.size) % as_close.get(source, 1) == 0),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def verdict(state="B", doubts=(), as_close=None, **shares):
    shares = {**dict.fromkeys(("residue_types", "synonyms"), [0.0] * 10), **shares}
    table = discovery_table(frames(shares, as_close=as_close), ["A", "B"], ["A"], list(doubts), SETTINGS, seed=0)
    return table.set_index(["state", "source"]).loc[(state, "model")]


def test_many_replicas_against_silent_nulls_beat_them():
    found = verdict(model=[0.5] * 5 + [0.0] * 5, roundtrip=[0.0] * 10, frequencies=[0.0] * 10)
    assert found["verdict"] == "more often than its nulls, which never reach it"
    assert found["beats_nulls"]
    assert not found["training_state"]
    assert (found["replicas_reached"], found["first_frame_min"], found["first_frame_median"]) == (5, 10, 10)
    for share in ("share", "share_found"):
        assert 0 < found[f"{share}_low"] < found[share] == 0.25 < found[f"{share}_high"] < 0.5


def test_a_null_of_one_replica_says_nothing_of_leaving_a_training_state():
    found = verdict(state="A", model=[0.5] * 10, roundtrip=[0.0] * 10, frequencies=[0.0])
    assert found["training_state"]
    assert found["verdict"] == "not judged: intervals need at least two replicas"


def test_a_distance_that_one_frame_lacks_has_no_median():
    shares = dict.fromkeys(("model", *NULLS), [0.5] * 10)
    table = frames(shares)
    table.loc[0, "rmsd_to_true_B_nm"] = np.nan
    rows = discovery_table(table, ["A", "B"], ["A"], [], SETTINGS, seed=0).set_index(["state", "source"])
    assert rows.loc[("B", "model"), ["rmsd_to_true_nm_median", "rmsd_to_true_nm_min"]].isna().all()
    assert rows.loc[("A", "model"), "rmsd_to_true_nm_median"] == 0.1


def test_the_interval_of_a_distance_holds_its_median():
    table = frames(dict.fromkeys(("model", *NULLS), [0.5] * 10))
    table["rmsd_to_true_B_nm"] = np.random.default_rng(0).uniform(0.1, 0.3, len(table))
    rows = discovery_table(table, ["A", "B"], ["A"], [], SETTINGS, seed=0).set_index(["state", "source"])
    found = rows.loc[("B", "model")]
    assert found["rmsd_to_true_nm_median"] == pytest.approx(
        table.loc[table["source"] == "model", "rmsd_to_true_B_nm"].median()
    )
    least, low, median, high = (found[f"rmsd_to_true_nm_{name}"] for name in ("min", "low", "median", "high"))
    assert 0.1 < least < low < median < high < 0.3


def test_a_lone_structure_through_the_tokenizer_is_known_and_two_are_a_sample():
    table = frames(dict.fromkeys(("model", *NULLS), [0.5] * 10))
    table["rmsd_to_true_B_nm"] = np.random.default_rng(0).uniform(0.1, 0.3, len(table))
    others, own = table[table["source"] != "roundtrip"], table[table["source"] == "roundtrip"]
    for count in (1, 2):
        few = pd.concat([others, own.tail(count)])
        rows = discovery_table(few, ["A", "B"], ["A"], [], SETTINGS, seed=0).set_index(["state", "source"])
        found = rows.loc[("B", "roundtrip")]
        low, median, high = (found[f"rmsd_to_true_nm_{name}"] for name in ("low", "median", "high"))
        if count == 1:
            assert found[["share", "share_low", "share_high"]].tolist() == [1, 1, 1]
            assert low == median == high == own["rmsd_to_true_B_nm"].iloc[-1]
        else:
            assert low != high


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
    assert found["verdict"] == (
        "more often than its nulls, which never reach it, but it predicts no better than a baseline"
    )
    assert found["beats_nulls"]


def test_one_lucky_replica_beats_nothing():
    found = verdict(model=[0.9] + [0.0] * 9, roundtrip=[0.0] * 10, frequencies=[0.0] * 10)
    assert found["share"] == pytest.approx(0.09)
    assert found["verdict"] == "too seldom to stand above its nulls, which never reach it"


def test_a_null_that_reaches_the_state_as_often_is_named():
    found = verdict(model=[0.3] * 10, roundtrip=[0.0] * 10, frequencies=[0.3] * 10)
    assert found["verdict"] == "no more often than the strongest null, code frequencies"
    assert not found["beats_nulls"]


def test_the_strongest_null_is_named_by_what_it_finds():
    nulls = {"roundtrip": [0.0] * 10, "frequencies": [0.2] * 10, "residue_types": [0.3] * 10}
    found = verdict(model=[0.9] * 10, **nulls)
    assert found["verdict"] == "more often than the strongest null, residue types"
    # those of residue types that lie in the region are hardly ever as close as true frames are
    found = verdict(model=[0.9] * 10, as_close={"residue_types": 10}, **nulls)
    assert found["verdict"] == "more often than the strongest null, code frequencies"


def test_frames_in_the_region_that_look_like_none_of_the_state_are_not_found():
    found = verdict(model=[0.5] * 10, as_close={"model": 1000}, roundtrip=[0.0] * 10, frequencies=[0.0] * 10)
    assert found["share"] == 0.5
    assert found["share_found"] == 0
    assert found["verdict"] == "not found"


def test_precision_is_what_is_found_of_the_frames_that_left():
    found = verdict(model=[0.5] * 10, as_close={"model": 2}, roundtrip=[0.0] * 10, frequencies=[0.0] * 10)
    assert found["share_found"] == pytest.approx(0.25)
    assert found["precision"] == pytest.approx(0.5)
    assert np.isnan(verdict("A", model=[0.5] * 10, roundtrip=[0.0] * 10, frequencies=[0.0] * 10)["precision"])


def test_what_a_base_reached_on_other_proteins_speaks_for_it():
    fine = pd.DataFrame({"no_worse": [None, True], "within_limit": [None, True]})
    base = {"validation_loss": 3.9, "baseline_residue_types": 5.2, "baseline_pairs_of_types": 5.1}
    assert doubts_about(base, fine) == []
    assert doubts_about({**base, "validation_loss": 5.15}, fine) == ["it predicts no better than a baseline"]


def test_a_state_that_is_never_reached_is_not_found():
    assert verdict(model=[0.0] * 10, roundtrip=[0.0] * 10, frequencies=[0.0] * 10)["verdict"] == "not found"
    worse = verdict(model=[0.0] * 10, roundtrip=[0.0] * 10, frequencies=[0.1] * 10)
    assert worse["verdict"] == "not found, no more often than the strongest null, code frequencies"


def test_the_training_state_is_asked_whether_the_model_stays():
    stays = verdict("A", model=[0.0] * 10, roundtrip=[0.0] * 10, frequencies=[0.1] * 10)
    assert stays["verdict"] == "stays at least as much as one of its nulls"
    leaves = verdict("A", model=[0.5] * 10, roundtrip=[0.0] * 10, frequencies=[0.1] * 10)
    assert leaves["verdict"] == "leaves the training state more often than every null"
    between = verdict("A", model=[0.3] * 10, roundtrip=[0.0] * 10, frequencies=[0.6] * 10)
    assert between["verdict"] == "stays at least as much as one of its nulls"


def test_one_replica_cannot_be_judged():
    found = verdict(model=[0.5], roundtrip=[0.0] * 10, frequencies=[0.0])
    assert pd.isna(found["beats_nulls"])
    assert found["verdict"] == "not judged: intervals need at least two replicas"


def test_distances_are_judged_the_other_way_round():
    shares = dict.fromkeys(("model", *NULLS), [0.0] * 10)
    for own, closer in ((0.05, True), (0.15, False)):
        table = discovery_table(frames(shares, {"model": own}), ["A", "B"], ["A"], [], SETTINGS, seed=0)
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
