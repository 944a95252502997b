"""The whole analysis on real MD frames with a model whose truth is known."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pandas as pd
import pytest

from analysis.synthetic import CONDITIONS, FRAMES, REPLICAS, find_states, write_run
from mdllm.analysis.discovery.description import trained_on
from mdllm.analysis.discovery.measure import known_structures, skeleton
from mdllm.analysis.quality.geometry import METRICS
from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.core.records import read_json, read_npz
from mdllm.core.trajectories import read_backbone
from mdllm.ensembles.names import GENERATED
from mdllm.ensembles.sources import open_ensembles, spread
from mdllm.observables.references import ReferenceEnsemble
from mdllm.report.schema.ensembles import QualityMetric
from mdllm.report.summarize import _quality, _rollout
from mdllm.schemas import render

pytestmark = pytest.mark.slow  # a run is analyzed first


@pytest.fixture(scope="module")
def cvs(analyzed):
    return pd.read_parquet(analyzed / "analysis" / "cvs.parquet")


def test_every_frame_of_every_source_is_there(cvs):
    counts = cvs["source"].value_counts().to_dict()
    generated = dict.fromkeys(GENERATED, REPLICAS * FRAMES)
    assert counts == {"md": 4999, "roundtrip": 491, **generated}
    assert cvs.loc[cvs["training"], "source"].unique().tolist() == ["md"]
    assert cvs["training"].sum() == 491


def test_md_keeps_the_states_and_variables_of_the_prepared_frames(cvs, trp_cage_prepared):
    md, prepared = cvs[cvs["source"] == "md"], trp_cage_prepared.frames
    assert md["state"].tolist() == prepared["state"].tolist()
    # The XTC is rounded to 0.001 nm, which is 0.01 rad of a torsion.
    np.testing.assert_allclose(md["phi11_rad"], prepared["phi11_rad"], atol=0.04)
    np.testing.assert_allclose(md["time_ps"], prepared["time_ps"])


def test_the_start_is_the_first_training_frame(cvs):
    training = cvs[(cvs["source"] == "md") & cvs["training"]]
    assert training["rmsd_to_start_nm"].iloc[0] == pytest.approx(0, abs=1e-6)
    assert training["rmsd_to_start_nm"].iloc[1:].min() > 0.01


def test_the_roundtrip_carries_time_and_segment_of_its_frames(cvs):
    roundtrip = cvs[cvs["source"] == "roundtrip"].set_index("frame")
    md = cvs[cvs["source"] == "md"].set_index("frame").loc[roundtrip.index]
    np.testing.assert_array_equal(roundtrip["time_ps"], md["time_ps"])
    np.testing.assert_array_equal(roundtrip["segment"], md["segment"])
    assert (cvs.loc[cvs["source"] == "model", "segment"] == -1).all()


def test_noise_on_a_copied_frame_is_the_distance_to_its_state(cvs):
    model = cvs[cvs["source"] == "model"]
    copies_b = model[(model["replica"] < REPLICAS // 2) & (model["frame"] >= FRAMES // 2)]
    assert (copies_b["state"] == "B").mean() > 0.95
    assert copies_b["rmsd_to_true_B_nm"].median() < copies_b["rmsd_to_true_A_nm"].median()
    assert model["rmsd_to_reference_A_nm"].isna().all()


def test_quality_measures_training_frames_against_the_others(analyzed):
    frames = pd.read_parquet(analyzed / "analysis" / "quality_frames.parquet")
    assert set(METRICS) <= set(frames.columns)
    training = frames[frames["source"] == "md"]
    assert len(training) == 491
    assert training["rmsd_to_training_nm"].min() > 0.01


def test_discovery_tells_the_truth_that_was_put_in(analyzed):
    table = pd.read_csv(analyzed / "analysis" / "discovery.csv").set_index(["state", "source"])
    found = table.loc[("B", "model")]
    assert found["share"] == pytest.approx(0.25, abs=0.01)
    assert found["share_low"] < 0.25 < found["share_high"]
    assert found["replicas_reached"] == REPLICAS // 2
    assert found["first_frame_min"] == FRAMES // 2
    assert found["verdict"] == "more often than its nulls, which never reach it"
    # copies of true frames with noise of 0.004 nm: nearly all are as close to the others as these are to each other
    assert 0.85 * found["share"] < found["share_found"] <= found["share"]
    assert found["precision"] == found["share_found"] / found["share"]
    assert table.loc[("B", "roundtrip"), "share"] == 0
    assert table.loc[("A", "model"), "verdict"] == "leaves the training state more often than every null"


def test_the_summary_follows_its_schema_and_the_tables(analyzed):
    summary = read_json(analyzed / "summary.json")
    jsonschema.validate(summary, json.loads(render("summary")))
    table = pd.read_csv(analyzed / "analysis" / "discovery.csv").set_index(["state", "source"])
    assert summary["discovery"]["B"]["model"]["share"]["value"] == table.loc[("B", "model"), "share"]
    assert summary["discovery"]["B"]["roundtrip"]["replicas_reached"] is None
    assert summary["training"]["beats_baselines"] is True
    assert summary["kinetics"] is None
    made = {"codebook_size": 128, "replicas": REPLICAS, "frames": FRAMES, "training_frames": 491}
    assert summary["conditions"] == {**CONDITIONS, "model_details": None, **made}
    assert summary["rollout"] == {
        "replicas": REPLICAS,
        "frames": FRAMES,
        "residues": 20,
        "log_likelihood_per_code_nats": -2.5,
        "log_likelihood_of_frames": {"model": {"mean_nats": -50.0, "spread_nats": 0.0}},
        "entropy_per_code_nats": pytest.approx(59.5 / 20),
        "entropy_per_code_first_nats": pytest.approx(41.5 / 20),  # frames 0-3 of 40
        "entropy_per_code_last_nats": pytest.approx(77.5 / 20),
        "held_entropy": None,
    }


def test_likelihoods_of_a_product_stand_beside_those_of_its_parts():
    drawn = {"codes": np.zeros((1, 2, 4), int), "entropy": np.zeros((1, 2))}
    drawn |= {"log_likelihood": np.array([[-3.0, -5.0]]), "log_likelihood_base": np.array([[-1.0, -7.0]])}
    found = _rollout({**drawn, "log_likelihood_tuned": np.array([[-10.0, -10.0]])})["log_likelihood_of_frames"]
    assert {name: tuple(value.values()) for name, value in found.items()} == {
        "model": (-4.0, 1.0),
        "base": (-4.0, 3.0),
        "tuned": (-10.0, 0.0),
    }


def test_what_has_no_value_is_null_in_the_summary(analyzed):
    """A model in which nothing can be said of one metric: no number, no verdict, and no doubt of the model."""
    quality = pd.read_csv(analyzed / "analysis" / "quality.csv")
    row = (quality["source"] == "model") & (quality["metric"] == "omega_deviation_rad")
    quality.loc[row, ["mean", "max", "no_worse"]] = np.nan
    found = _quality(quality[quality["metric"] == "omega_deviation_rad"])
    assert (found["model"], found["model_max"], found["no_worse"]) == (None, None, None)
    assert found["roundtrip"] > 0
    QualityMetric.model_validate(found)


def test_the_description_names_what_figures_need(analyzed):
    description = read_json(analyzed / "analysis" / "description.json")
    assert description["plane"] == ["distance_11_15_nm", "psi11_rad"]
    assert description["columns"]["distance_11_15_nm"] == {
        "label": "CA11–CA15 distance",
        "unit": "nm",
        "periodic": False,
    }
    assert description["columns"]["psi11_rad"]["periodic"] is True
    assert description["states"]["B"] == [{"phi11_rad": [-3.1416, 0.0]}]


def test_the_description_says_how_close_true_frames_are(analyzed, trp_cage_prepared):
    """By one superposition after the other, of 500 frames of B, none compared with those less than 1 % of all away."""
    universe, state = trp_cage_prepared.universe(), trp_cage_prepared.frames["state"].to_numpy()
    rows = spread(np.flatnonzero(state == "B"), 500)
    points = read_backbone(universe, rows)[:, :, :3].reshape(len(rows), -1, 3)
    nearest = [rmsd(points[np.abs(rows - row) > 50], one).min() for row, one in zip(rows, points, strict=True)]
    close = read_json(analyzed / "analysis" / "description.json")["closeness"]["B"]
    assert close["limit_all_nm"] == pytest.approx(np.quantile(nearest, 0.95), abs=1e-5)
    assert 0.01 < close["limit_nm"] < close["limit_all_nm"]
    assert close["resids"] == [residue + 1 for residue in close["residues"]] == list(range(9, 18))


def test_a_reference_is_compared_with_for_the_state_that_it_stands_for(trp_cage_prepared, tmp_path):
    inputs = write_run(tmp_path, trp_cage_prepared)
    md = (inputs.trajectory, inputs.frames)
    ensembles = open_ensembles(inputs.topology, md, inputs.index, inputs.ensembles, read_npz(inputs.codes)["frame"])
    model = read_backbone(trp_cage_prepared.universe(), np.array([700])).reshape(1, -1, 3)
    reference = ReferenceEnsemble(model, identity=1.0, matched=20, state="B", label="NMR")
    known = known_structures(ensembles["md"], replace(trp_cage_prepared.bound(), references={"nmr": reference}))
    assert list(known.references) == ["B"]
    np.testing.assert_array_equal(known.references["B"], skeleton(model.reshape(1, -1, 4, 3)))


def test_the_same_seed_gives_the_same_bytes(analyzed, tmp_path, trp_cage_prepared):
    find_states(write_run(tmp_path, trp_cage_prepared), trp_cage_prepared, tmp_path / "again")
    for name in ("discovery.csv", "quality.csv", "description.json"):
        assert (tmp_path / "again" / name).read_bytes() == (analyzed / "analysis" / name).read_bytes()


def test_a_table_that_does_not_fit_its_trajectory_is_refused(tmp_path, trp_cage_prepared):
    inputs = write_run(tmp_path, trp_cage_prepared)
    index = pd.read_parquet(inputs.index)
    index[index["source"] != "model"].to_parquet(inputs.index)
    with pytest.raises(InputError, match=r"ensemble\.xtc holds 320 frames and its table has 0 rows"):
        open_ensembles(
            inputs.topology,
            (inputs.trajectory, inputs.frames),
            inputs.index,
            {"model": inputs.ensembles["model"]},
            read_npz(inputs.codes)["frame"],
        )


def test_states_of_frames_that_have_joined_are_no_discovery():
    states = pd.DataFrame({"training": True, "state": ["A"] * 50 + ["B", "none"], "round": [0] * 50 + [1, 1]})
    assert trained_on(states, ["A"]) == trained_on(states, []) == ["A", "B"]
    assert trained_on(states.assign(round=0), ["A"]) == ["A"]
