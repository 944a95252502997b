"""The tables of a study: what is measured of a run, and means over seeds."""

import numpy as np
import pandas as pd
import pytest

from mdllm.config.measures import measures
from mdllm.core.errors import InputError
from mdllm.core.records import write_json
from mdllm.report.study.table import run_table, study_table


def runs_of(tmp_path, losses: dict[tuple[float, int], float]) -> list[dict]:
    runs = []
    for number, ((temperature, seed), loss) in enumerate(losses.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_json(
            folder / "training.json",
            {"validation_loss": loss, "baseline_frequencies": 3.0, "baseline_persistence": 4.0},
        )
        axes = {"rollout.temperature": temperature}
        runs.append({"run": f"r{number}", "axes": axes, "seed": seed, "files": {"validation_loss": str(folder)}})
    return runs


def test_means_and_intervals_over_seeds(tmp_path):
    losses = {(0.5, 0): 1.0, (0.5, 1): 2.0, (0.5, 2): 3.0, (1.0, 0): 5.0}
    table = run_table(runs_of(tmp_path, losses))
    assert list(table.columns) == ["run", "rollout.temperature", "seed", "measure", "source", "value"]
    assert len(table) == 12
    means = study_table(table, ["rollout.temperature"], 0.95).set_index(["rollout.temperature", "source"])
    row = means.loc[(0.5, "model")]
    assert (row["mean"], row["sd"], row["seeds"]) == (2.0, 1.0, 3)
    half = 4.302653 / np.sqrt(3)  # Student's t of two degrees of freedom, 95 %
    assert (row["low"], row["high"]) == (pytest.approx(2 - half, rel=1e-6), pytest.approx(2 + half, rel=1e-6))
    assert np.isnan(means.loc[(1.0, "model"), "low"])
    assert means.loc[(0.5, "frequencies"), "low"] == means.loc[(0.5, "frequencies"), "mean"] == 3.0


def test_a_measure_without_any_value_is_an_error(tmp_path):
    columns = {"training_state": [False], "source": ["model"], "share": [0.1], "rmsd_to_true_nm_median": [np.nan]}
    pd.DataFrame(columns).to_csv(tmp_path / "d.csv", index=False)
    files = dict.fromkeys(("found", "distance_to_true"), str(tmp_path / "d.csv"))
    run = {"run": "r", "axes": {"rollout.top_p": 1.0}, "seed": 0, "files": files}
    with pytest.raises(InputError, match=r"no run has a value of distance_to_true .*remove it from `measures`"):
        run_table([run])
    del files["distance_to_true"]
    assert run_table([run])["value"].tolist() == [0.1]


def test_frames_are_valid_within_what_training_frames_of_md_have(tmp_path):
    names = ("bond_length_deviation_nm", "bond_angle_deviation_rad", "ca_ca_deviation_nm", "omega_deviation_rad")
    names += ("clashes_per_residue", "ramachandran_outlier_share", "cis_share")
    frames = pd.DataFrame(0.0, index=range(8), columns=list(names)).assign(
        source=["md"] * 4 + ["model"] * 4, training=[True, True, True, False] + [False] * 4
    )
    frames.loc[4, "clashes_per_residue"] = 0.03  # tolerated: 0.02
    frames.loc[5, "clashes_per_residue"] = 0.019
    frames.loc[3, "cis_share"] = 1.0
    frames.to_parquet(tmp_path / "f.parquet")
    assert measures()["valid"].of(tmp_path / "f.parquet") == {"md": 0.0, "training": 1.0, "model": 0.75}


def test_what_is_found_is_in_states_that_were_not_trained_on(tmp_path):
    rows = [("A", True, "model", 0.5, 0.01), ("B", False, "model", 0.2, 0.09), ("C", False, "model", 0.1, 0.04)]
    rows += [("B", False, "frequencies", 0.0, np.nan)]
    columns = ["state", "training_state", "source", "share", "rmsd_to_true_nm_median"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "d.csv", index=False)
    assert measures()["found"].of(tmp_path / "d.csv") == {"frequencies": 0.0, "model": pytest.approx(0.3)}
    assert measures()["distance_to_true"].of(tmp_path / "d.csv") == {"model": 0.04}
    assert measures()["visited"].of(tmp_path / "d.csv")["model: A"] == 0.5


def test_shares_of_proposals_that_md_keeps(tmp_path):
    outcomes = ["new state 1", "stayed", "returned", "undecided", "new state 1", "B", "returned"]
    source = ["model"] * 5 + ["residue_types", "training"]
    kind = ["cluster"] * 4 + ["random", "cluster", "training"]
    pd.DataFrame({"source": source, "kind": kind, "outcome": outcomes}).to_csv(tmp_path / "p.csv", index=False)
    assert measures()["kept_by_md"].of(tmp_path / "p.csv") == {"model": 0.5, "residue_types": 1.0, "training": 0.0}
    assert measures()["in_new_states"].of(tmp_path / "p.csv") == {"model": 0.25, "residue_types": 0.0, "training": 0.0}


def test_distances_are_root_mean_squares_by_kind(tmp_path):
    def rows(*distances):
        return [{"distance": distance} for distance in distances]

    found = {"populations": rows(3.0, 4.0, None), "mfpt_ps": rows(-2.0), "slowest_timescale_ps": rows(None)[0]}
    found |= {"transitions_per_ns": rows(1.0), "staying": [], "committor": rows(0.0)}
    write_json(tmp_path / "s.json", {"kinetics": {"comparisons": {"model": found}}})
    expected = {"populations": np.sqrt(12.5), "mfpt": 2.0, "transitions": 1.0, "committor": 0.0}
    assert measures()["distance"].of(tmp_path / "s.json") == pytest.approx(expected)


def test_every_measure_says_what_it_is_and_has_its_function():
    for name, measure in measures().items():
        assert measure.function == f"mdllm.report.study.measures:{name}"
        assert measure.label
