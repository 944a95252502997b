"""Places where simulations meet, on MD frames whose state is known."""

import numpy as np
import pandas as pd
import pytest

from mdllm.verification.new_states import breadth, end_of, find_new_states, reached_by


@pytest.fixture(scope="module")
def ends(world):
    """Ends in A, in B, and a turned B that is nowhere near both; the separation up to which ends meet."""
    a, b, judge = world
    bent = b[30:31].copy()
    bent[:, 10:] += 0.5
    return a[5:300:60], b[40:280:60], bent, breadth(a[5:400:40], judge)


def test_ends_of_different_proposals_in_one_state_meet(world, ends):
    in_a, in_b, bent, limit = ends
    both = np.concatenate([in_b, bent, in_a])
    proposals = [f"proposal_{number}" for number in range(len(both))]
    names, middles = find_new_states(both, proposals, limit, world[2])
    of_a = names[len(in_b) + 1 :]
    assert names[len(in_b)] == ""
    assert len(set(names[: len(in_b)])) == len(set(of_a)) == 1
    assert {names[0], of_a[0]} == {"new state 1", "new state 2"}
    assert of_a[0] == "new state 1"  # more proposals reach it
    assert [names[middle] for middle in middles] == ["new state 1", "new state 2"]


def test_replicas_of_one_proposal_meet_without_being_a_state(world, ends):
    in_b, limit = ends[1], ends[3]
    assert find_new_states(in_b, ["proposal"] * len(in_b), limit, world[2]) == ([""] * len(in_b), [])
    assert find_new_states(in_b[:1], ["proposal"], limit, world[2]) == ([""], [])


def test_ends_meet_where_training_frames_do_as_well(world):
    a, _, judge = world
    assert breadth(np.array([]), judge) == breadth(a[:1], judge) == judge.near
    wide = np.concatenate([a[:3], a[:3]])
    wide[3:, 10:] += 0.5
    assert breadth(wide, judge) > 3 * judge.near


def test_the_end_is_the_most_central_frame_of_the_last_quarter(world):
    b = world[1]
    last = [b[4], b[4], b[4] + 0.3 * np.arange(b[4].size).reshape(b[4].shape) % 2]
    way = np.concatenate([world[0][:9], np.array(last)])
    np.testing.assert_array_equal(end_of(way), b[4])


def verdicts(**outcomes) -> pd.DataFrame:
    rows = [
        {"kind": "random" if source != "training" else source, "source": source, "outcome": outcome}
        for source, listed in outcomes.items()
        for outcome in listed
    ]
    return pd.DataFrame(rows)


def test_states_are_counted_beside_the_nulls():
    found = reached_by(
        verdicts(
            model=["new state 1"] * 3 + ["stayed"] * 7,
            frequencies=["returned"] * 10,
            residue_types=["new state 1"] + ["elsewhere"] * 9,
            training=["returned"] * 5,
        )
    ).set_index("source")
    assert set(found["state"]) == {"new state 1"}
    assert found["proposals"].to_dict() == {"model": 3, "frequencies": 0, "residue_types": 1, "training": 0}
    assert found.loc["frequencies", "p_model_more"] == pytest.approx(120 / 1140)  # C(10, 3) / C(20, 3)
    assert found.loc["model", ["low", "high"]].tolist() == pytest.approx([0.1078, 0.6032], abs=1e-4)
    assert found.loc["model", "more_often"] is False


def test_more_often_than_every_null_counts_how_many_states_were_asked_for():
    often = {"model": ["new state 1"] * 6 + ["B"] * 4, "residue_types": ["returned"] * 10}
    found = reached_by(verdicts(**often)).set_index(["state", "source"])["more_often"]  # p: 0.005 and 0.043
    assert found["new state 1", "model"] is True
    assert found["B", "model"] is False


def test_without_a_state_there_is_nothing_to_count():
    assert reached_by(verdicts(model=["stayed", "returned"])).empty
