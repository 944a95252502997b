"""What joins the training frames after a round, and what each round has cost and found."""

import json

import numpy as np
import pandas as pd
import pytest

from mdllm.config.settings.system import TrainingSet
from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.prepare.training_set import select_training_frames
from mdllm.verification.judge import read_simulated
from mdllm.verification.restarts import least_visited
from mdllm.verification.rounds import ROUND_COLUMNS, RoundInputs, join, round_table

pytestmark = pytest.mark.slow

RAW_FRAMES = 6000  # more than were prepared, of 4999


def verdicts() -> pd.DataFrame:
    rows = [
        ("model_cluster_1", "cluster", "model", "new state 1"),
        ("model_cluster_2", "cluster", "model", "returned"),
        ("model_random_1", "random", "model", "stayed"),
        ("residue_types_cluster_1", "cluster", "residue_types", "new state 1"),
        ("last_frames_1", "restart", "last_frames", "B"),
        ("training_1", "training", "training", "returned"),
    ]
    return pd.DataFrame(rows, columns=["proposal", "kind", "source", "outcome"])


@pytest.fixture
def before(trp_cage_prepared, undisturbed, tmp_path):
    """A verified round: replica 0 of every proposal is one real simulation, of 20 frames, and replica 1 was lost."""
    job = undisturbed[0]
    count = len(read_simulated(job.topology, job.trajectory)[0])
    table = verdicts()
    where = [
        {"proposal": row.proposal, "replica": replica, "where": row.outcome if replica == 0 else "fell apart"}
        for row in table.itertuples()
        for replica in range(2)
    ]
    simulated = pd.DataFrame({"proposal": table["proposal"]}).merge(
        pd.DataFrame({"replica": 0, "time_ps": np.arange(count) / 10, "state": "B", "phi11_rad": np.arange(count) / 7}),
        how="cross",
    )
    (tmp_path / "trajectories").mkdir()
    for name in table["proposal"]:
        for path in (job.topology, job.trajectory):
            (tmp_path / "trajectories" / f"{name}_0{path.suffix}").symlink_to(path)
    (tmp_path / "sources.json").write_text(json.dumps({"trajectories": [{"frames": RAW_FRAMES}]}))
    pd.DataFrame(where).to_csv(tmp_path / "simulations.csv", index=False)
    table.to_csv(tmp_path / "proposals.csv", index=False)
    simulated.to_parquet(tmp_path / "simulated.parquet")
    return RoundInputs(
        sources=tmp_path / "sources.json",
        topology=trp_cage_prepared.topology,
        trajectory=trp_cage_prepared.trajectory,
        frames=trp_cage_prepared.folder / "frames.parquet",
        slow=trp_cage_prepared.folder / "slow.npz",
        simulations=tmp_path / "simulations.csv",
        proposals=tmp_path / "proposals.csv",
        simulated=tmp_path / "simulated.parquet",
        trajectories=tmp_path / "trajectories",
    )


def joined(before, output, **more):
    output.mkdir()
    counts = join(before, **{"number": 2, "context_frames": None, **more}, output=output)
    return counts, pd.read_parquet(output / "frames.parquet"), pd.read_csv(output / "joined.csv")


def test_the_last_quarter_of_what_the_model_found_joins_and_nothing_else(before, undisturbed, tmp_path):
    counts, frames, own = joined(before, tmp_path / "round_2")
    old = pd.read_parquet(before.frames)
    pd.testing.assert_frame_equal(frames[: len(old)].drop(columns="round"), old)
    added = frames[len(old) :]
    assert set(frames["round"][: len(old)]) == {0}
    assert set(added["round"]) == {1}
    assert dict.fromkeys(own["proposal"]) == dict.fromkeys(["model_cluster_1", "model_random_1"])
    assert own["outcome"].unique().tolist() == ["new state 1", "stayed"]
    times, backbone = read_simulated(undisturbed[0].topology, undisturbed[0].trajectory)
    quarter = len(times) // 4
    assert counts == {"frames": len(old) + 2 * quarter, "joined_frames": 2 * quarter, "joined_simulations": 2}
    np.testing.assert_array_equal(added["frame"], RAW_FRAMES + np.arange(2 * quarter))
    np.testing.assert_array_equal(added["frame"], own["frame"])
    last = old["segment"].max()
    np.testing.assert_array_equal(added["segment"], np.repeat([last + 1, last + 2], quarter))
    np.testing.assert_allclose(added["time_ps"], np.tile(times[-quarter:], 2))
    assert set(added["state"]) == {"B"}
    universe = open_backbone(tmp_path / "round_2/topology.pdb", tmp_path / "round_2/trajectory.xtc")
    assert len(universe.trajectory) == len(frames)
    kept = read_backbone(universe, np.arange(len(old), len(frames)))
    np.testing.assert_allclose(kept, np.concatenate([backbone[-quarter:]] * 2), atol=2e-3)
    first, same = (
        read_backbone(open_backbone(before.topology, path), np.array([7]))
        for path in (before.trajectory, tmp_path / "round_2/trajectory.xtc")
    )
    assert rmsd(first[0][None, :, :3], same[0][:, :3])[0] < 1e-4


def test_a_further_round_goes_on_behind_the_one_before(before, tmp_path):
    joined(before, tmp_path / "round_2")
    files = {name: tmp_path / "round_2" / getattr(before, name).name for name in ("topology", "trajectory", "frames")}
    inputs = RoundInputs(**{**vars(before), **files})
    counts, frames, _ = joined(inputs, tmp_path / "round_3", number=3)
    assert frames["round"].value_counts().to_dict() == {0: len(frames) - 20, 1: 10, 2: 10}
    assert frames["frame"].is_unique
    assert counts["joined_frames"] == 10


def test_joined_frames_are_trained_on_whatever_the_training_set_says(before, tmp_path):
    _, frames, _ = joined(before, tmp_path / "round_2")
    chosen = TrainingSet(state="A", frames=[(442, 500)])
    alone, both = (select_training_frames(table, chosen) for table in (frames[frames["round"] == 0], frames))
    np.testing.assert_array_equal(both.index[: len(alone.index)], alone.index)
    np.testing.assert_array_equal(both.frame[len(alone.index) :], RAW_FRAMES + np.arange(10))
    np.testing.assert_array_equal(both.segment[len(alone.index) :], alone.segment[-1] + np.repeat([1, 2], 5))
    np.testing.assert_equal(both.interval_ps, alone.interval_ps)


@pytest.mark.parametrize(
    ("interval", "context", "message"),
    [
        (0.4, 2, r"last quarter of model_cluster_1 has 2 frames at .* learns from 2 frames .* simulate 4\.8 ps"),
        (0.25, 1, r"save_interval_ps: frames are saved every 0\.1 ps, and .* come every 0\.25 ps"),
        (0.01, 1, r"save_interval_ps"),
    ],
)
def test_a_model_of_time_needs_frames_as_far_apart_as_those_of_the_trajectory(
    before, tmp_path, interval, context, message
):
    frames = pd.read_parquet(before.frames)
    frames["time_ps"] = interval * np.arange(len(frames))
    frames.to_parquet(tmp_path / "timed.parquet")
    timed = RoundInputs(**{**vars(before), "frames": tmp_path / "timed.parquet"})
    with pytest.raises(InputError, match=message):
        joined(timed, tmp_path / "round_2", context_frames=context)


def test_of_a_known_interval_frames_join_at_it(before, tmp_path):
    frames = pd.read_parquet(before.frames)
    frames["time_ps"] = 0.2 * np.arange(len(frames))
    frames.to_parquet(tmp_path / "timed.parquet")
    timed = RoundInputs(**{**vars(before), "frames": tmp_path / "timed.parquet"})
    _, found, _ = joined(timed, tmp_path / "round_2", context_frames=2)
    steps = found[found["round"] == 1].groupby("segment")["time_ps"].diff().dropna()
    np.testing.assert_allclose(steps, 0.2, rtol=1e-5)


def test_where_nothing_is_kept_the_frames_stay_as_they_are(before, tmp_path, caplog):
    table = pd.read_csv(before.proposals)
    table.assign(outcome="returned").to_csv(before.proposals, index=False)
    counts, frames, own = joined(before, tmp_path / "round_2")
    assert counts["joined_frames"] == 0
    assert own.empty
    assert len(frames) == len(pd.read_parquet(before.frames))
    assert "MD has kept no proposal of the model: no frame joins before round 2" in caplog.text


def test_what_a_round_has_cost_and_found():
    table = verdicts()
    spent = pd.Series(10.0, index=table["proposal"])
    first = round_table(table, spent, 1, pd.DataFrame(columns=ROUND_COLUMNS))
    both = round_table(table, spent, 2, first)
    assert both["round"].tolist() == [1, 1, 1, 2, 2, 2]
    rows = first.set_index("source")
    assert "training" not in rows.index
    assert rows.loc["model", ["proposals", "kept", "states"]].tolist() == [3, 2, 1]  # one stays where it is
    assert rows.loc["model", ["simulated_ns", "kept_per_ns", "states_per_ns"]].tolist() == pytest.approx(
        [0.03, 2 / 0.03, 1 / 0.03]
    )
    assert rows.loc["last_frames", ["kept", "states"]].tolist() == [1, 1]


def test_restarts_begin_where_few_frames_are():
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    sizes = [200, 5, 100, 3]
    points = np.concatenate([center + 0.1 * rng.normal(size=(n, 2)) for center, n in zip(centers, sizes, strict=True)])
    rows = least_visited(dict(zip("xy", points.T, strict=True)), 2, 0)
    assert sorted(np.searchsorted(np.cumsum(sizes), rows, side="right")) == [1, 3]
    assert len(least_visited({"x": np.zeros(5), "y": np.zeros(5)}, 3, 0)) == 1
