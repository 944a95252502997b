"""Novelty on real MD frames with a model whose truth is known, and its parts against brute force."""

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest

from analysis.synthetic import FRAMES, REPLICAS, seek_novelty, write_run
from mdllm.analysis.novelty import clusters
from mdllm.analysis.novelty.clusters import assign, find_medoids, separations, separations_within
from mdllm.analysis.novelty.held_out import held_out
from mdllm.analysis.novelty.spans import Distances, KnownFrames, sliding_spans
from mdllm.analysis.novelty.table import share_table
from mdllm.analysis.novelty.threshold import Threshold
from mdllm.config.settings.stages import AnalysisSettings
from mdllm.core.bootstrap import interval_of_ratio
from mdllm.core.geometry import backbone_torsions, rmsd
from mdllm.core.records import read_json
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.tokenizers.torsion_grid import TorsionGrid, TorsionGridSettings

pytestmark = pytest.mark.slow  # a run is analyzed first


@pytest.fixture(scope="module")
def backbones(trp_cage_prepared):
    return read_backbone(trp_cage_prepared.universe(), np.arange(0, 4999, 25))


def brute_force(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Smallest RMSD (F,) of backbones to any of the known ones, superposed one by one."""
    return np.min([rmsd(asked[:, :, :3], frame) for frame in known[:, :, :3]], axis=0)


def test_no_span_holds_a_break_and_short_chains_are_one_span():
    spans = sliding_spans(np.array([True, True, True, False, True]), 3)
    assert spans.tolist() == [[0, 2], [1, 3], [4, 5]]
    assert sliding_spans(np.ones(9, bool), 10).tolist() == [[0, 9]]


def test_distances_are_those_of_brute_force(backbones):
    known, asked = backbones[:120], backbones[120:]
    spans = sliding_spans(np.ones(19, bool), 7)
    found = KnownFrames(known, spans).distances(asked)
    exact = brute_force(asked, known)
    assert (found.whole_nm > exact - 1e-5).all()
    np.testing.assert_allclose(found.whole_nm, exact, rtol=0.03)
    assert (np.abs(found.whole_nm / exact - 1) < 1e-4).mean() > 0.95
    np.testing.assert_allclose(rmsd(asked[:, :, :3], known[found.nearest][:, :, :3]), found.whole_nm, rtol=1e-4)
    for number in (0, 6, 13):
        first, last = spans[number]
        exact = brute_force(asked[:, first : last + 1], known[:, first : last + 1])
        assert (np.abs(found.span_nm[:, number] / exact - 1) < 1e-3).mean() > 0.95


def test_distances_of_torsions_are_chords(backbones):
    known, asked = backbones[:50], backbones[50:80]
    spans = sliding_spans(np.ones(19, bool), 7)
    found = KnownFrames(known, spans).distances(asked).span_rad
    angles = [np.stack(backbone_torsions(x.astype(float))[:2], axis=-1) for x in (asked, known)]
    for number in (0, 5, 13):
        first, last = spans[number]
        a, b = (x[:, first : last + 1].reshape(len(x), -1) for x in angles)
        chords = (2 * np.sin((a[:, None] - b[None]) / 2)) ** 2
        exact = np.sqrt(np.nanmean(chords, axis=-1)).min(1)
        np.testing.assert_allclose(found[:, number], exact, atol=2e-3)


def test_a_local_change_is_far_in_its_spans_and_a_hinge_as_a_whole(backbones):
    spans = sliding_spans(np.ones(19, bool), 5)
    known = KnownFrames(backbones[:100], spans)
    hinge = backbones[:1].astype(float).copy()
    turn = mda.lib.transformations.rotation_matrix(0.9, [0, 0, 1])[:3, :3]
    pivot = hinge[0, 10, 1]
    hinge[0, 10:] = (hinge[0, 10:] - pivot) @ turn + pivot
    distances = known.distances(hinge)
    away = (spans[:, 1] < 9) | (spans[:, 0] > 10)
    assert distances.whole_nm[0] > 0.1
    assert distances.span_nm[0, away].max() < 0.01
    assert distances.span_nm[0, ~away].max() > 0.02


def test_of_held_out_frames_as_many_are_new_as_the_quantile_says():
    held_out = np.abs(np.random.default_rng(0).normal(size=(4000, 60))) * np.geomspace(0.01, 1, 60)
    threshold = Threshold.fit(held_out, 0.99)
    assert ((held_out / threshold.scale).max(1) > 1).mean() == pytest.approx(0.01, abs=0.001)
    other = np.abs(np.random.default_rng(1).normal(size=(4000, 60))) * np.geomspace(0.01, 1, 60)
    assert ((other / threshold.scale).max(1) > 1).mean() == pytest.approx(0.01, abs=0.006)


def test_a_frame_is_as_new_as_its_furthest_distance():
    """One whole, two spans; the scale of each is one, but for the last, a torsion, that is two."""
    threshold = Threshold(np.array([1, 1, 1, 1, 2.0]))
    distances = Distances(
        np.array([3.0, 0.5]), np.zeros(2, int), np.array([[1, 2], [0.1, 0.2]]), np.array([[0, 1], [0, 9]])
    )
    np.testing.assert_allclose(threshold.novelty(distances), [3.0, 4.5])


def test_frames_of_two_states_are_two_clusters(backbones, trp_cage_prepared):
    state = trp_cage_prepared.frames["state"].to_numpy()[::25]
    spans = sliding_spans(np.ones(19, bool), 7)
    threshold = Threshold(np.r_[0.15, np.full(14, 0.12), np.full(14, 0.6)])
    backbone = np.concatenate([backbones[state == "A"][:30], backbones[state == "B"][:20]])
    medoids = find_medoids(backbone, spans, threshold, 1.2)
    cluster, separation = assign(backbone, backbone[medoids], spans, threshold, 1.2)
    assert (cluster[:30] == 1).sum() > 25
    assert (cluster[30:] == 2).sum() > 15
    assert (separation[cluster > 0] <= 1.2).all()
    every = separations(backbone, backbone[medoids], spans, threshold)
    closer = float(np.median(every.min(1)))
    near = every.min(1) <= closer
    assert 0 < near.sum() < len(near)
    cluster, separation = assign(backbone, backbone[medoids], spans, threshold, closer)
    assert cluster.tolist() == np.where(near, every.argmin(1) + 1, 0).tolist()
    np.testing.assert_allclose(separation, np.where(near, every.min(1), np.nan), atol=1e-6)
    far, _ = assign(backbone + np.arange(20)[:, None, None], backbone[medoids], spans, threshold, 1.2)
    assert not far.any()
    own = separations(backbone[:5], backbone[:5], spans, threshold)
    np.testing.assert_allclose(np.diag(own), 0, atol=0.01)
    np.testing.assert_allclose(own, own.T, atol=1e-6)


def test_each_pair_is_measured_once_and_as_every_pair_is(backbones, monkeypatch):
    monkeypatch.setattr(clusters, "_ROWS_AT_ONCE", 7)
    spans = sliding_spans(np.ones(19, bool), 7)
    threshold = Threshold(np.r_[0.15, np.full(14, 0.12), np.full(14, 0.6)])
    within = separations_within(backbones[:25], spans, threshold)
    both = separations(backbones[:25], backbones[:25], spans, threshold)
    np.testing.assert_allclose(within[~np.eye(25, dtype=bool)], both[~np.eye(25, dtype=bool)], atol=1e-6)
    assert (within == within.T).all()
    assert not np.diag(within).any()


def test_the_largest_clusters_are_looked_at_and_all_are_counted(analyzed, trp_cage_prepared, tmp_path):
    inputs = write_run(tmp_path, trp_cage_prepared)
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "analysis").symlink_to(analyzed / "analysis")
    seek_novelty(tmp_path, trp_cage_prepared, inputs, tmp_path / "novelty", clusters=1)
    every, one = (folder / "novelty" for folder in (analyzed, tmp_path))
    assert read_json(one / "novelty.json")["clusters_found"] == len(pd.read_csv(every / "clusters.csv")) > 1
    medoids = [pd.read_csv(folder / "clusters.csv").filter(like="medoid").head(1) for folder in (one, every)]
    pd.testing.assert_frame_equal(*medoids)
    assert len(pd.read_csv(one / "clusters.csv")) == 1
    assert set(pd.read_parquet(one / "frames.parquet")["cluster"]) == {0, 1}


def test_the_ratio_of_shares_counts_a_silent_null_as_one_frame():
    rng = np.random.default_rng(0)
    model, null = np.repeat([1.0, 0.0], 50), np.zeros(200)
    found = interval_of_ratio((model, np.arange(100) % 10), (null, np.arange(200) % 10), 0.95, 500, rng)
    assert found.value == pytest.approx(0.5 * 200)
    null[:20] = 1
    found = interval_of_ratio((model, np.arange(100) % 10), (null, np.arange(200) % 10), 0.95, 500, rng)
    assert found.value == pytest.approx(5)
    assert found.low <= 5 <= found.high
    one = interval_of_ratio((model, np.zeros(100)), (null, np.arange(200) % 10), 0.95, 500, rng)
    assert np.isnan(one.low)


def test_the_other_state_is_found_without_being_named(analyzed):
    folder = analyzed / "novelty"
    frames, clusters = pd.read_parquet(folder / "frames.parquet"), pd.read_csv(folder / "clusters.csv")
    cvs = pd.read_parquet(analyzed / "analysis" / "cvs.parquet")
    model = frames[frames["source"] == "model"].merge(
        cvs[["source", "replica", "frame", "sample", "state"]], on=["source", "replica", "frame", "sample"]
    )
    share = model.groupby("state")["new"].mean()
    assert share["B"] > 0.7
    assert share["A"] < 0.05
    assert frames.loc[frames["source"] == "held_out_coded", "new"].mean() == pytest.approx(0.01, abs=0.005)
    largest = model[model["cluster"] == 1]
    assert set(largest["state"]) == {"B"}
    assert largest["replica"].max() < REPLICAS // 2
    assert clusters.loc[0, "more_often_than_nulls"]
    assert clusters.loc[0, "verdict"].startswith("more often than its nulls")
    for of, nats in (("", -2.5), ("_base", -3.0), ("_tuned", -2.0)):  # of frames of 20 codes
        assert np.allclose(clusters[f"log_likelihood{of}_per_code_nats"], nats)
    shares = pd.read_csv(folder / "shares.csv").set_index(["cluster", "source"])
    assert shares.loc[(1, "model"), "share"] == pytest.approx(len(largest) / (REPLICAS * FRAMES))
    assert shares.loc[(1, "frequencies"), "never_reached"]
    assert shares.loc[(1, "model"), "first_frame"] >= FRAMES // 2


def test_residues_that_moved_are_those_in_which_the_states_differ(analyzed, trp_cage_prepared):
    residues = pd.read_csv(analyzed / "novelty" / "residues.csv")
    moved = residues[(residues["cluster"] == 1) & residues["moved"]]
    assert 11 in set(moved["resid"])
    assert set(moved["resid"]) <= set(range(9, 18))
    keys = ["source", "replica", "frame", "sample"]
    frames = pd.read_parquet(analyzed / "novelty" / "frames.parquet")
    members = frames[(frames["source"] == "model") & (frames["cluster"] == 1)]
    own = members.merge(pd.read_parquet(analyzed / "analysis" / "cvs.parquet")[[*keys, "phi11_rad"]], on=keys)
    nearest = trp_cage_prepared.frames.set_index("frame")["phi11_rad"][own["nearest_training_frame"]]
    expected = np.angle(np.exp(1j * (own["phi11_rad"].to_numpy() - nearest.to_numpy())).mean())
    found = residues[(residues["cluster"] == 1) & (residues["resid"] == 11)]["phi_change_rad"].iloc[0]
    assert found == pytest.approx(expected, abs=0.02)
    assert abs(found) > 1


def test_a_medoid_lies_beside_its_nearest_training_frame(analyzed, trp_cage_prepared):
    folder = analyzed / "novelty"
    row = pd.read_csv(folder / "clusters.csv").iloc[0]
    medoid, nearest = (
        read_backbone(open_backbone(folder / "structures" / f"cluster_1{end}.pdb"))[0] for end in ("", "_nearest")
    )
    apart = np.sqrt(((medoid[:, :3] - nearest[:, :3]) ** 2).sum(-1).mean())
    assert apart == pytest.approx(row["rmsd_nm"], abs=2e-3)
    place = np.flatnonzero(trp_cage_prepared.frames["frame"] == row["nearest_training_frame"])
    expected = read_backbone(trp_cage_prepared.universe(), place)[0]
    np.testing.assert_allclose(rmsd(nearest[None], expected), 0, atol=2e-3)


def test_the_summary_has_what_the_tables_have(analyzed):
    summary, folder = read_json(analyzed / "summary.json")["novelty"], analyzed / "novelty"
    sources = pd.read_csv(folder / "sources.csv").set_index("source")
    assert summary["share_new"]["model"]["value"] == sources.loc["model", "share_new"]
    assert summary["held_out"].startswith("MD frames of the training states")
    first = summary["largest"][0]
    assert first["frames"] == (pd.read_parquet(folder / "frames.parquet")["cluster"] == 1).sum()
    assert first["more_often_than_nulls"] is True
    assert f"{summary['clusters']} clusters" in summary["verdict"]


def test_without_other_frames_stretches_of_the_training_set_are_held_out(trp_cage_prepared, analyzed, tmp_path):
    inputs = write_run(tmp_path, trp_cage_prepared)
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "analysis").symlink_to(analyzed / "analysis")
    seek_novelty(tmp_path, trp_cage_prepared, inputs, tmp_path / "novelty", states=(), held_out_frames=300)
    about = read_json(tmp_path / "novelty" / "novelty.json")
    assert about["held_out"] == "stretches"
    assert about["held_out_frames"] == 300
    frames = pd.read_parquet(tmp_path / "novelty" / "frames.parquet")
    held = frames[frames["source"] == "held_out"]
    assert (held["frame"] != held["nearest_training_frame"]).all()
    assert held["rmsd_nm"].min() > 0.01


def test_a_model_that_repeats_what_it_saw_has_no_clusters():
    frames = pd.DataFrame({"source": "model", "replica": [0, 1], "frame": 0, "segment": -1, "cluster": 0})
    assert share_table(frames, 0, AnalysisSettings(), 0).empty


def test_frames_that_joined_are_never_held_out(trp_cage_prepared):
    universe, rows = trp_cage_prepared.universe(), np.arange(442, 502)
    table = trp_cage_prepared.frames.assign(training=trp_cage_prepared.frames["frame"].isin(rows))
    table["round"] = np.where(table["frame"] >= 492, 1, 0)
    backbone = read_backbone(universe, rows)
    tokenizer = TorsionGrid.fit(backbone[:, :, :3], TorsionGridSettings(name="torsion_grid"), 0)
    spans = sliding_spans(np.ones(19, bool), 7)
    places = {"read": lambda rows: read_backbone(universe, rows), "training_states": [], "tokenizer": tokenizer}
    out = held_out(table, rows, backbone, spans=spans, **places, most=100, least=10)
    np.testing.assert_array_equal(np.sort(out.rows), np.arange(442, 492))
    assert set(out.compared) <= set(rows)


def test_of_structures_without_md_what_is_typical_of_md_is_the_yardstick(trp_cage_prepared):
    universe, rows = trp_cage_prepared.universe(), np.arange(442, 445)
    table = trp_cage_prepared.frames.iloc[rows].reset_index(drop=True)
    table = table.assign(training=True, round=0, time_ps=np.nan, segment=np.arange(3))
    backbone = read_backbone(universe, rows)
    tokenizer = TorsionGrid.fit(backbone[:, :, :3], TorsionGridSettings(name="torsion_grid"), 0)
    spans = sliding_spans(np.ones(19, bool), 7)
    places = {"read": lambda rows: backbone[rows], "training_states": [], "tokenizer": tokenizer}
    out = held_out(table, np.arange(3), backbone, spans=spans, **places, most=100, least=10)
    assert out.kind == "structures"
    np.testing.assert_allclose(out.raw.whole_nm, 0, atol=1e-3)
    fitted = Threshold.fit(out.coded.measures(), 0.99)
    typical = fitted.with_typical().scale
    floor = np.r_[0.16, np.full(14, 0.055), np.full(14, 0.54)]
    np.testing.assert_allclose(typical, np.maximum(fitted.scale, floor))
    assert (typical == floor).any()
    in_time = held_out(table.assign(segment=0), np.arange(3), backbone, spans=spans, **places, most=100, least=10)
    assert in_time.kind == "stretches"
