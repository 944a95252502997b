"""Which frames a model is trained on."""

import numpy as np
import pandas as pd
import pytest

from mdllm.config.settings.system import TrainingSet
from mdllm.core.errors import InputError
from mdllm.prepare.training_set import select_training_frames


def table(states, segment=None, stride=1):
    number = np.arange(len(states)) * stride
    return pd.DataFrame(
        {
            "frame": number,
            "time_ps": number * 0.5,
            "segment": np.zeros(len(states), int) if segment is None else segment,
            "state": list(states),
        }
    )


def choose(frames, state="A", ranges=None):
    return select_training_frames(frames, TrainingSet(state=state, frames=ranges))


def test_frames_of_a_state_form_contiguous_segments():
    found = choose(table("AABBAAA"))
    assert found.index.tolist() == [0, 1, 4, 5, 6]
    assert found.segment.tolist() == [0, 0, 1, 1, 1]
    assert found.interval_ps == 0.5


def test_ranges_are_inclusive_and_count_raw_frames():
    assert choose(table("AAAAAAAA"), ranges=[(1, 2), (5, 6)]).frame.tolist() == [1, 2, 5, 6]
    thinned = choose(table("AAAA", stride=10), ranges=[(10, 25)])
    assert (thinned.frame.tolist(), thinned.index.tolist()) == ([10, 20], [1, 2])
    assert thinned.segment.tolist() == [0, 0]


def test_a_segment_of_the_trajectory_is_never_crossed():
    assert choose(table("AAAA", segment=[0, 0, 1, 1])).segment.tolist() == [0, 0, 1, 1]


def test_the_interval_is_that_within_segments():
    frames = table("AAAAAA", segment=[0, 0, 1, 1, 2, 2])
    frames["time_ps"] = [0, 2, 0, 2, 100, 102]
    assert choose(frames).interval_ps == 2
    with pytest.raises(InputError, match=r"has 1 frame\(s\), none of which follows another in time"):
        choose(table("A"))
    with pytest.raises(InputError, match=r"has 2 frame\(s\), none of which follows another in time"):
        choose(table("AA", segment=[0, 1]))


def test_a_state_that_no_frame_is_in():
    with pytest.raises(InputError, match=r"no frame is in state 'A' within all frames.*\{'B': 3\}"):
        choose(table("BBB"))
    with pytest.raises(InputError, match=r"no frame is in state 'B' within \[\(0, 1\)\]"):
        choose(table("AAB"), "B", [(0, 1)])


def test_a_range_that_holds_nothing():
    with pytest.raises(InputError, match=r"range \[9, 12\] holds no frame; the trajectory has frames 0 to 3"):
        choose(table("AAAA"), ranges=[(9, 12)])


def test_frames_of_several_states_follow_each_other():
    frames = choose(table("AABBCA"), ["A", "B"])
    assert frames.index.tolist() == [0, 1, 2, 3, 5]
    assert frames.segment.tolist() == [0, 0, 0, 0, 1]


def test_pieces_are_cut_from_the_start_of_each_stretch_and_spread_evenly():
    frames = table("A" * 11, segment=[0] * 7 + [1] * 4)
    cut = select_training_frames(frames, TrainingSet(piece_frames=2))
    assert cut.frame.tolist() == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10]
    assert cut.segment.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    three = select_training_frames(frames, TrainingSet(piece_frames=2, pieces=3))
    assert three.frame.tolist() == [0, 1, 4, 5, 9, 10]
    assert three.segment.tolist() == [0, 0, 1, 1, 2, 2]
    strided = select_training_frames(table("A" * 6, stride=5), TrainingSet(frames=[(5, 29)], piece_frames=10))
    assert (strided.frame.tolist(), strided.segment.tolist()) == ([5, 10, 15, 20], [0, 0, 1, 1])
    with pytest.raises(InputError, match=r"6 pieces of 2 frames are asked for, and 5 fit into the 2 stretches.*of 7;"):
        select_training_frames(frames, TrainingSet(piece_frames=2, pieces=6))
