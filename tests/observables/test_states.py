"""States as regions: bounds, unions, angles that wrap, and frames that belong to two."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from mdllm.config.settings.system import CollectiveVariable
from mdllm.core.errors import InputError
from mdllm.observables.states import States

VARIABLES = TypeAdapter(dict[str, CollectiveVariable]).validate_python(
    {"d": {"type": "distance", "a": "resid 1", "b": "resid 2"}, "phi": {"type": "phi", "residue": 3}}
)


def label(states, **values):
    return list(States(states, VARIABLES).label({key: np.array(value) for key, value in values.items()}))


def test_a_box_holds_its_lower_and_not_its_upper_bound():
    assert label({"near": {"d": (0.5, 1.0)}}, d_nm=[0.49, 0.5, 0.99, 1.0]) == ["none", "near", "near", "none"]


def test_all_variables_of_a_box_must_hold():
    found = label({"near": {"d": (0, 1), "phi": (0, 3)}}, d_nm=[0.5, 0.5, 2.0], phi_rad=[1, -1, 1])
    assert found == ["near", "none", "none"]


def test_low_above_high_wraps_an_angle():
    assert label({"beta": {"phi": (2.5, -2.5)}}, phi_rad=[3.0, -3.0, 0.0, 2.5, -2.5]) == [
        *("beta", "beta", "none", "beta", "none")
    ]


def test_a_list_of_boxes_is_a_union():
    found = label({"ends": [{"d": (0, 1)}, {"d": (2, 3)}]}, d_nm=[0.5, 1.5, 2.5])
    assert found == ["ends", "none", "ends"]


def test_states_may_share_a_border():
    assert label({"a": {"d": (0, 1)}, "b": {"d": (1, 2)}}, d_nm=[0.9, 1.0]) == ["a", "b"]


def test_nan_is_in_no_state():
    assert label({"a": {"d": (0, 1)}, "b": {"phi": (2, -2)}}, d_nm=[np.nan], phi_rad=[np.nan]) == ["none"]


def test_a_frame_in_two_states_is_named_with_both():
    states = States({"a": {"d": (0, 1)}, "b": {"d": (0.5, 2)}}, VARIABLES)
    with pytest.raises(InputError, match=r"frame 107 \(d_nm = 0\.7000\) lies in 'a' and in 'b'"):
        states.label({"d_nm": np.array([0.1, 0.7])}, frames=np.array([100, 107]))


def test_the_demo_trajectory_has_as_many_frames_of_each_state_as_are_known(trp_cage_prepared):
    counts = trp_cage_prepared.frames["state"].value_counts().to_dict()
    assert counts == {"A": 2313, "B": 2686}
