"""Rounds of proposals: each is a variant, and what needs none of them."""

import pytest

from config_folder import plan, system, write
from mdllm.config.systems import VARIANT_STAGES
from mdllm.core.errors import InputError


def test_further_rounds_are_variants_whose_frames_are_those_that_joined(folder):
    verified = {"verification": {"proposals": 2, "rounds": 3}}
    write(folder, {**system(), "variants": {"again": verified, "hot": {**verified, "rollout": {"temperature": 2.0}}}})
    found = plan(folder).systems["x"]
    rounds = [f"{name}_round_{number}" for name in ("again", "hot") for number in (2, 3)]
    assert [name for name in found.variants if name not in ("main", "again", "hot")] == rounds
    assert list(found.variants) == ["main", "again", *rounds[:2], "hot", *rounds[2:]]
    later = found.variants["hot_round_3"]
    assert (later.round, later.before, later.settings) == (3, "hot_round_2", found.variants["hot"].settings)
    folders = [found.frames_of_variant(name) for name in ("main", "hot", "hot_round_2")]
    assert folders == ["results/x/frames"] * 2 + ["results/x/hot_round_2/frames"]
    assert [found.runs(name, "join") for name in found.variants] == [False, False, True, True, False, True, True]
    for stage in ("join", "tokenize", "train", "redraw", "verify"):  # other frames, whatever else is the same
        assert [found.provider(name, stage) for name in rounds] == rounds
    assert found.provider("again", "train") == "main"
    assert found.conditions("hot_round_3")["round"] == 3
    seeds = [{found.stage(name, stage)["seed"] for stage in ("redraw", "train", "verify")} for name in rounds[:2]]
    assert all(len(own) == 1 for own in seeds)
    assert len({0, *seeds[0], *seeds[1]}) == 3


def test_one_round_more_leaves_those_before_it_as_they_are(folder):
    keys = []
    for number in (1, 2, 3):
        write(folder, {**system(), "stages": {"verification": {"proposals": 2, "rounds": number}}})
        found = plan(folder).systems["x"]
        keys.append(
            {name: {stage: found.variants[name].key(stage) for stage in VARIANT_STAGES} for name in found.variants}
        )
        assert "rounds" not in found.stage("main", "verify")["verification"]
    assert keys[0]["main"] == keys[1]["main"] == keys[2]["main"]
    assert keys[1]["main_round_2"] == keys[2]["main_round_2"]


def test_a_variant_may_not_have_the_name_of_a_round(folder):
    taken = {"main_round_2": {"seed": 3}}
    write(folder, {**system(), "stages": {"verification": {"proposals": 2, "rounds": 2}}, "variants": taken})
    with pytest.raises(InputError, match=r"main_round_2: this name is taken by a round of 'main'"):
        plan(folder)


@pytest.mark.parametrize("key", ["rounds", "restarts"])
def test_rounds_and_restarts_of_nothing_have_no_effect(folder, key):
    write(folder, {**system(), "stages": {"verification": {key: 2}}})
    with pytest.raises(InputError, match=rf"verification\.{key} has no effect: .* 0, so that nothing is simulated"):
        plan(folder)
