"""Where simulations end, on MD frames whose state is known, and the verdicts in words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.novelty.threshold import Threshold
from mdllm.verification.judge import ending, limit_of
from mdllm.verification.verdict import APART, ELSEWHERE, RETURNED, STAYED, proposal_table, sentences


def test_frames_of_the_training_state_have_returned(world):
    a, b, judge = world
    found = judge.frames(a[2::40], b[0])
    assert (found["where"] == RETURNED).mean() > 0.95
    assert set(found["state"]) == {"A"}


def test_frames_of_a_named_state_have_reached_it_whatever_novelty_says(world):
    a, b, judge = world
    found = replace(judge, threshold=Threshold(3 * judge.threshold.scale)).frames(b[2::40], a[0])
    assert (found["novelty"] < 1).all()
    assert (found["where"] == "B").mean() > 0.8  # each of two limits holds for 95 % of true frames


def test_near_frames_of_a_named_state_that_are_not_as_close_as_true_ones_are_not_in_it(world):
    """A kink at residue 15 that leaves the other residues as they are."""
    a, b, judge = world
    kinked = b[2::40].copy()
    turn = np.array([[1, 0, 0], [0, np.cos(0.5), -np.sin(0.5)], [0, np.sin(0.5), np.cos(0.5)]])
    pivot = kinked[:, 14:15, 1:2]
    kinked[:, 15:] = (kinked[:, 15:] - pivot) @ turn + pivot
    found = judge.frames(kinked, a[0])
    assert set(found["state"]) == {"B"}
    assert (found["where"] == "B").mean() < 0.1


def test_where_no_frames_of_a_state_are_known_its_region_and_novelty_decide(world):
    a, b, judge = world
    found = replace(judge, true={}).frames(b[2::40], a[0])
    assert (found["where"] == np.where(found["novelty"] > 1, "B", RETURNED)).all()


def test_a_region_alone_is_not_enough_where_the_state_is_known(world):
    """The sign of one torsion makes no state: the rest must be near frames of that state."""
    a, b, judge = world
    wrong = b[:1].copy()
    turn = np.array([[1, 0, 0], [0, np.cos(1.5), -np.sin(1.5)], [0, np.sin(1.5), np.cos(1.5)]])
    wrong[0, 15:] = (wrong[0, 15:] - wrong[0, 15, 1]) @ turn + wrong[0, 15, 1]
    found = judge.frames(wrong, a[0])
    assert found["state"].iloc[0] == "B"
    assert found["where"].iloc[0] == ELSEWHERE
    assert judge.frames(wrong, wrong[0])["where"].iloc[0] == STAYED


def test_what_training_frames_do_as_well_is_no_news(world):
    _, b, judge = world
    nameless = replace(judge, true={}, training_states=["A", "B"])
    frames, start = b[2::40], b[2]
    kept = nameless.frames(frames, start)
    assert (kept["where"] == STAYED).mean() > 0.5
    assert (nameless.frames(frames, start, limit=kept["novelty"].max())["where"] == RETURNED).all()
    assert limit_of([{"novelty": value} for value in np.linspace(0, 4, 11)]) == pytest.approx(3.6)
    assert limit_of([{"novelty": 0.3}] * 5) == 1
    assert limit_of([]) == 1


def test_the_last_quarter_decides():
    where = [STAYED] * 30 + [RETURNED] * 7 + [STAYED] * 3
    frames = pd.DataFrame(
        {"where": where, "rmsd_to_training_nm": np.arange(40.0), "rmsd_to_proposal_nm": np.arange(40.0)}
    )
    found = ending(frames.assign(novelty=np.arange(40.0), separation=0.0))
    assert found["where"] == RETURNED
    assert found["share_there"] == pytest.approx(0.7)
    assert found["drift_nm"] == pytest.approx(34.5)


def simulations(**ends: list[str]) -> pd.DataFrame:
    rows = [
        {"proposal": name, "replica": number, "where": where, "minimized_energy_kj_mol": -10.0 * len(name)}
        for name, listed in ends.items()
        for number, where in enumerate(listed)
    ]
    return pd.DataFrame(rows).assign(drift_nm=0.1, novelty=0.5)


def test_verdicts_in_plain_words():
    proposals = pd.DataFrame(
        {
            "proposal": ["c1", "c2", "c3", "c4", "s1", "n1", "t1"],
            "kind": ["cluster"] * 4 + ["state", "cluster", "training"],
            "source": ["model"] * 5 + ["frequencies", "training"],
            "group": ["1", "2", "3", "4", "B_1", "1", "1"],
        }
    )
    found = proposal_table(
        proposals,
        simulations(
            c1=[STAYED, STAYED], c2=[RETURNED, RETURNED], c3=[APART, APART], c4=[STAYED, RETURNED],
            s1=["B", "B"], n1=[RETURNED, ELSEWHERE], t1=[RETURNED, RETURNED],
        ),
    )  # fmt: skip
    outcome = found.set_index("proposal")["outcome"]
    assert outcome.to_dict() == {
        "c1": STAYED, "c2": RETURNED, "c3": APART, "c4": "undecided", "s1": "B", "n1": "undecided", "t1": RETURNED,
    }  # fmt: skip
    assert found.set_index("proposal").loc["s1", "share_reached"] == 1
    assert (found["energy_above_training_kj_mol"] == 0).all()
    assert sentences(found) == [
        "1 of 4 new clusters of the model stays, 1 returns, 1 falls apart, 1 is undecided",
        "1 of 1 frame of the model in B reaches state B",
        "1 of 1 new cluster of code frequencies is undecided",
        "1 of 1 training frame stays among the training frames",
    ]
    nothing_whole = proposal_table(proposals[-2:], simulations(n1=[STAYED, STAYED], t1=[APART, APART]))
    assert sentences(nothing_whole)[-1].startswith("no training frame stays whole")
