"""Studies: grids over config keys, and what is refused of them."""

import pytest
import yaml

from config_folder import kinetic_system, plan, system, write
from mdllm.config.studies import studied_systems, study_names
from mdllm.core.errors import InputError

STUDY = {
    "description": "a question",
    "system": "x",
    "axes": {
        "rollout.temperature": [0.5, 1.0],
        "tokenizer": {"few": {"codebook_size": 64}, "grid": {"name": "torsion_grid"}},
    },
    "seeds": [0, 3],
    "measures": ["validation_loss", "valid"],
}

KINETICS = {"kinetics": {"lag": 5, "lags": [1, 5]}}
PHI = {"type": "phi", "residue": 2}


def save(folder, name="s", **changes):
    (folder / "studies").mkdir(exist_ok=True)
    (folder / "studies" / f"{name}.yaml").write_text(yaml.safe_dump({**STUDY, **changes}, sort_keys=False))
    return folder


def study(folder, name="s", run=None, **changes):
    return plan(save(folder, **changes), **(run or {})).study(name)


def test_every_combination_is_a_run_of_every_seed(folder):
    found = study(folder)
    assert [run.name for run in found.runs][:3] == [
        "temperature_0p5_tokenizer_few_seed_0",
        "temperature_0p5_tokenizer_few_seed_3",
        "temperature_0p5_tokenizer_grid_seed_0",
    ]
    assert len(found.runs) == 8
    assert found.runs[-1].values == {"rollout.temperature": 1.0, "tokenizer": "grid"}
    last = found.system.variants["temperature_1p0_tokenizer_grid_seed_3"].settings
    assert (last.rollout.temperature, last.tokenizer.name, last.seed) == (1.0, "torsion_grid", 3)


def test_stages_that_runs_share_are_done_once_and_frames_are_those_of_the_system(folder):
    found = study(folder).system
    cold, hot = ("temperature_0p5_tokenizer_few_seed_0", "temperature_1p0_tokenizer_few_seed_0")
    assert [found.provider(hot, stage) for stage in ("tokenize", "train", "rollout")] == [cold, cold, hot]
    assert found.frames == "results/x/frames"
    table = study(folder).table()[4]
    assert table["files"] == {
        "validation_loss": f"results/study_s/{cold}/model",
        "valid": f"results/study_s/{hot}/analysis/quality_frames.parquet",
    }


def test_a_run_begins_with_the_base_variant_then_the_stages_of_the_study(folder):
    write(folder, {**system(), "variants": {"hot": {"rollout": {"top_k": 7}, "training_set": {"state": "B"}}}})
    axes = {"rollout.temperature": [1.0, 2.0]}
    found = study(folder, base="hot", axes=axes, stages={"training": {"max_steps": 3}})
    settings = found.system.variants["temperature_2p0_seed_0"]
    assert (settings.settings.rollout.top_k, settings.settings.training.max_steps) == (7, 3)
    assert settings.training_set.state == "B"
    pieces = study(folder, base="hot", axes={"training_set.frames": {"a": [[0, 9]], "b": [[5, 9]]}})
    assert pieces.system.variants["frames_b_seed_3"].training_set.model_dump(exclude_none=True) == {
        "state": "B",
        "frames": [(5, 9)],
    }
    whole = study(folder, base="hot", axes={"training_set": {"a": {"state": "A"}, "b": {"frames": [[5, 9]]}}})
    assert whole.system.variants["training_set_b_seed_0"].training_set.state is None


def test_the_full_study_has_its_own_seeds_and_folder(folder):
    full = {"seeds": [0], "stages": {"rollout": {"frames": 7}}}
    found = study(folder, "s_full", full=full, stages={"rollout": {"replicas": 2, "batch": 2}})
    assert len(found.runs) == 4
    assert found.system.name == "study_s_full"
    rollout = found.system.variants[found.runs[0].name].settings.rollout
    assert (rollout.frames, rollout.replicas) == (7, 2)
    with pytest.raises(InputError, match=r"s\.yaml: full: this section is required for the study s_full"):
        study(folder, "s_full")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": {"rollot.temperature": [1, 2]}}, r"s\.yaml: axes\.rollot\.temperature names no key; the first part"),
        ({"axes": {"rollout.temperatur": [1, 2]}}, r"rollout\.temperatur: unknown key; did you mean 'temperature'"),
        ({"axes": {"prepare.stride": [1, 2]}}, r"axes\.prepare\.stride: all runs of a study share the prepared frames"),
        ({"stages": {"prepare": {"stride": 2}}}, r"stages\.prepare: all runs of a study share the prepared frames"),
        ({"axes": {"states": {"a": {}, "b": {}}}}, r"axes\.states: all runs of a study share states of the system"),
        ({"axes": {"seed": [1, 2]}}, r"axes\.seed: the seeds of a study stand in `seeds`"),
        (
            {"axes": {"rollout.temperature": ["a.b", "a b"], "rollout.top_k": [1]}},
            r"two values are called|Input should",
        ),
        ({"axes": {"rollout.top_k": []}}, r"axes\.rollout\.top_k"),
        ({"measures": ["speed"]}, r"measures names 'speed', which is not defined; defined are reconstruction"),
        ({"lines": {"found": [1.0]}}, r"lines names 'found', which is not defined; defined are validation_loss, valid"),
        ({"planes": [["valid", "new"]]}, r"planes names 'new'"),
        ({"seeds": [1, 1]}, r"seeds: one stands there twice"),
        ({"measures": ["distance"]}, r"measures: distance is measured by the stage kinetics, wh"),
        ({"measures": ["passage_time"]}, r"measures: passage_time is measured by the stage kinetics, which"),
        (
            {"axes": {"rollout.top_p": [0.5, 1.0]}, "measures": ["validation_loss", "reconstruction"]},
            r"axes\.rollout\.top_p: nothing that is measured \(validation_loss, reconstruction\) depends on it",
        ),
        ({"base": "cold"}, r"base: x has no variant cold, but main"),
        ({"system": "y"}, r"y\.yaml does not exist"),
        ({"axes": {"kinetics.lag": [1, 2]}}, r"s\.yaml\.kinetics\.lag has no effect"),
    ],
)
def test_what_is_no_study(folder, changes, message):
    with pytest.raises(InputError, match=message):
        study(folder, **changes)


def test_a_grid_of_more_than_500_runs_must_be_meant(folder):
    axes = {"rollout.top_k": list(range(1, 51)), "rollout.temperature": [1.0, 2.0]}
    with pytest.raises(InputError, match=r"600 runs, more than 500; .*--config confirm_grid=1"):
        study(folder, axes=axes, seeds=list(range(6)))
    small = {"rollout.top_k": list(range(1, 502))}
    with pytest.raises(InputError, match="501 runs"):
        study(folder, axes=small, seeds=[0])


@pytest.mark.slow
def test_a_large_grid_that_is_meant_is_expanded(folder):
    found = study(folder, axes={"rollout.top_k": list(range(1, 502))}, seeds=[0], run={"confirm_grid": 1})
    assert len(found.runs) == 501


def test_stages_of_the_system_that_the_base_does_not_need_are_no_mistake(folder):
    variants = {"lstm": {"model": {"name": "lstm"}}, "markov": {"model": {"name": "markov"}}}
    content = kinetic_system(**variants)
    content["stages"]["language"] = {"stride": 2}
    write(folder, content)
    axes = {"training.validation_share": [0.1, 0.2]}
    assert len(study(folder, base="markov", axes=axes, measures=["validation_loss"]).runs) == 4
    models = {"model": {"lstm": {"name": "lstm"}, "markov": {"name": "markov"}}}
    both = study(
        folder, base="markov", axes=models, measures=["validation_loss"], stages={"training": {"max_steps": 9}}
    )
    assert len(both.runs) == 4
    with pytest.raises(InputError, match=r"s\.yaml\.training\.max_steps has no effect: model markov is estimated"):
        study(folder, base="markov", axes=axes, measures=["validation_loss"], stages={"training": {"max_steps": 9}})


def test_runs_that_need_other_frames_are_refused(folder):
    write(folder, {**system(), "collective_variables": {**system()["collective_variables"], "phi2": PHI}})
    axes = {"kinetics.discretizer": {"phi": {"name": "k_centers"}, "states": {"name": "states"}}}
    assert len(study(folder, axes=axes, stages=KINETICS, measures=["population"]).runs) == 4
    content = {**system(), "states": {"A": {"psi2": [-3.2, 0]}, "B": {"psi2": [0, 3.2]}}}
    for key in ("training_set", "plane"):
        del content[key]
    write(folder, {**content, "stages": {"tokenizer": {"name": "states"}, **KINETICS}})
    axes = {"tokenizer": {"states": {"name": "states"}, "residues": {"name": "multiscale"}}}
    with pytest.raises(InputError, match=r"s\.yaml: these runs need other prepared frames than x"):
        study(folder, axes=axes, measures=["validation_loss"])


def test_a_file_that_cannot_be_read_stops_nobody_who_does_not_ask_for_it(folder):
    save(folder, "good")
    (folder / "studies" / "bad.yaml").write_text("axes: [")
    assert study_names(folder) == ["bad", "good"]
    assert studied_systems(folder) == ["x"]
    found = plan(folder)
    assert len(found.study("good").runs) == 8
    with pytest.raises(InputError, match=r"bad\.yaml is not valid YAML"):
        found.study("bad")


def test_systems_that_runs_learn_from_are_named_in_values_and_axes(folder):
    by_value = {"model.tuning": {"nothing": None, "l99a": {"steps": 5, "system": "like_x"}}}
    save(folder, axes=by_value)
    save(folder, "t", axes={"model.tuning.system": {"none": None, "far": "unlike_x"}})
    assert studied_systems(folder) == ["like_x", "unlike_x", "x"]
