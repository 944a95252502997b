"""What variants share, which stages apply to them, and keys that would have no effect."""

import re

import pytest

from config_folder import kinetic_system, plan, system, write
from mdllm.config.plan import Plan
from mdllm.config.systems import VARIANT_STAGES
from mdllm.core.errors import InputError
from mdllm.preflight import missing

BASE = {"tokenizer": {"name": "chain", "codebook_size": 512}, "model": {"name": "base"}}


def test_a_variant_shares_what_its_overrides_do_not_touch(folder):
    variants = {
        "hot": {"rollout": {"temperature": 2.0}},
        "hotter": {"rollout": {"temperature": 2.0}, "decode": {"samples": 4}},
        "other": {"training_set": {"state": "B"}},
        "strict": {"fidelity": {"training_rmsd_nm": 0.01}},
    }
    write(folder, {**system(), "variants": variants})
    found = plan(folder).systems["x"]
    stages = ("tokenize", "fidelity", "train", "rollout", "decode", "analyze")
    provided = {name: [found.provider(name, stage) for stage in stages] for name in found.variants}
    assert provided["hot"] == ["main", "main", "main", "hot", "hot", "hot"]
    assert provided["hotter"] == ["main", "main", "main", "hot", "hotter", "hotter"]
    assert provided["other"] == ["other"] * 6
    assert provided["strict"] == ["main", "strict", "main", "main", "main", "main"]


def test_a_base_is_neither_trained_nor_rolled_out_and_its_null_is_everybodys(folder):
    variants = {
        "base": BASE,
        "cold": {**BASE, "rollout": {"temperature": 0.5}},
        "hot": {"rollout": {"temperature": 2.0}},
        "other": {"training_set": {"state": "B"}},
    }
    write(folder, {**system(), "variants": variants})
    found = plan(folder).systems["x"]
    for stage in ("train", "rollout"):
        assert [found.runs(name, stage) for name in found.variants] == [True, False, False, True, True]
    assert found.trainings("base").keys() == {"base"}
    provided = {name: found.provider(name, "redraw") for name in found.variants}
    assert provided == {"main": "main", "base": "base", "cold": "cold", "hot": "main", "other": "other"}
    assert found.stage("hot", "redraw") == {"seed": 0, "redraw": {"null_groups": 100}}
    assert "redraw" not in found.stage("cold", "redraw")
    assert found.stage("cold", "redraw")["rollout"]["temperature"] == 0.5
    said = found.conditions("cold")
    assert (said["temperature"], said["model"], said["model_details"]) == (0.5, "base", "medium")
    assert not {"top_k", "context_frames", "form"} & said.keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"name": "base"}}, r"speaks of steps along the chain, and tokenizer\.name is multiscale; choose"),
        ({**BASE, "rollout": {"top_k": 5}}, r"rollout\.top_k has no effect: model base is taken as it is"),
        ({**BASE, "rollout": {"hold_entropy": True}}, r"rollout\.hold_entropy has no effect: model base is taken"),
        ({**BASE, "training": {"max_steps": 5}}, r"training\.max_steps has no effect: model base is taken as it is"),
        ({**BASE, "redraw": {"null_groups": 5}}, r"redraw\.null_groups has no effect: model base is taken as it is"),
        ({**BASE, "language": {"stride": 5}}, r"language\.stride has no effect: model base is taken as it is"),
        ({**BASE, "kinetics": {"discretizer": {"name": "states"}}}, r"structures of model base do not follow each oth"),
        ({**BASE, "model": {"name": "base", "spans": {"longest_span": 2}}}, r"shortest_span 4 is above longest_span 2"),
    ],
)
def test_what_a_base_cannot_do_is_an_error(folder, change, message):
    write(folder, {**system(), "variants": {"b": change}})
    with pytest.raises(InputError, match=message):
        plan(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"states": {"left": {"x": [0, -9]}, "right": {"x": [0, 9]}}},
            r"states\.left\.x: low 0.0 is not below high -9.0",
        ),
        ({"states": {"left": {"x": [-9, 0]}, "none": {"x": [0, 9]}}}, r"states\.none: this name marks frames outside"),
        ({"states": {"left": {"x": [-9, 0]}}}, r"states: kinetics need two, and there is 1"),
        ({"stages": {"prepare": {"stride": 10}}}, r"stages\.prepare\.stride has no effect: a model potential"),
        ({"stages": {"tokenizer": {"variable": "z"}}}, r"tokenizer names 'z', which is not defined; defined are x"),
        (
            {"stages": {"tokenizer": {"name": "bins", "variable": "x", "low": None, "high": None}}},
            "x is no angle that wr",
        ),
        ({"stages": {"tokenizer": {"name": "k_centers"}}}, r"k_centers reads atoms, and a model potential has none"),
        (
            {"stages": {"fidelity": {"unseen_frames": 5}}},
            r"fidelity\.unseen_frames has no effect: tokenizer bins gives a",
        ),
        (
            {"stages": {"kinetics": {"discretizer": {"name": "states"}}}},
            r"discretizer\.name has no effect: tokenizer bins",
        ),
        ({"stages": {"kinetics": {"lag": 100}}}, r"is 500 generated frames, and rollout\.frames makes 200"),
        ({"variants": {"m": {"model": {"name": "markov", "lag": 3}}}}, r"a lag of 10 MD frames does not fall on"),
        (
            {"variants": {"m": {"model": {"name": "markov"}, "training": {"max_steps": 5}}}},
            r"max_steps has no effect: mo",
        ),
        ({"training_set": {"pieces": 3}}, r"training_set: pieces: say how long they are, by piece_frames"),
        ({"stages": {"kinetics": {"committor": ["left", "top"]}}}, r"committor names 'top', which is no state; st"),
        ({"stages": {"kinetics": {"committor": ["left", "left"]}}}, r"committor names 'left' twice"),
        ({"selection": "all"}, r"selection has no effect"),
        ({"plane": ["x", "x"]}, r"plane has no effect"),
        ({"atoms": "all"}, r"atoms has no effect on a model potential"),
        ({"references": {"r": {"file": "r.pdb"}}}, r"references\.r has no effect: no variable is an RMSD to it"),
        (
            {"collective_variables": {"x": {"type": "radius_of_gyration"}}},
            r"type radius_of_gyration is measured on atoms, and this source has points of a model potential",
        ),
    ],
)
def test_what_was_accepted_in_silence_of_kinetics_is_an_error(folder, change, message):
    content = kinetic_system(lstm={"model": {"name": "lstm"}})
    stages = {**content["stages"], **change.get("stages", {})}
    tokenizer = {**content["stages"]["tokenizer"], **change.get("stages", {}).get("tokenizer", {})}
    if tokenizer["name"] == "k_centers":
        tokenizer = {"name": "k_centers"}
    write(folder, {**content, **change, "stages": {**stages, "tokenizer": tokenizer}})
    with pytest.raises(InputError, match=message):
        plan(folder)


SERIES = {
    **{"main": False, "description": "a series", "source": {"type": "series", "files": ["run*.txt"]}},
    **{"frame_interval_ps": 10.0, "collective_variables": {"number": {"type": "number"}}},
    **{"states": {"low": {"number": [1, 2]}, "high": {"number": [3, 9]}}, "stages": {"tokenizer": {"name": "numbers"}}},
    "variants": {"markov": {"model": {"name": "markov"}}},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame_interval_ps": None}, r"frame_interval_ps: a series does not say how long a frame is"),
        ({"frame_interval_ps": -1}, r"frame_interval_ps: Input should be greater than 0"),
        ({"stages": {}}, r"markov: tokenizer multiscale codes residues, and a series has none; .*: numbers"),
        (
            {"source": {"type": "potential", "name": "four_state"}, "stages": {}, "frame_interval_ps": None}
            | {"collective_variables": {"number": {"type": "coordinate", "axis": "x"}}},
            r"tokenizer multiscale codes residues, and a model potential has none; .*: bins or nearest_center",
        ),
        ({"states": {"low": {"number": [1, 2]}}}, r"states: kinetics need two, and there is 1"),
        ({"states": {"low": {"number": [5, 2]}}}, r"states\.low\.number: low 5\.0 is not below high 2\.0"),
        ({"collective_variables": {"number": {"type": "radius_of_gyration"}}}, r"has the numbers of a series"),
        ({"source": {"type": "series", "files": []}}, r"source\.files: List should have at least 1 item"),
        ({"source": {"type": "series", "files": ["a"], "column": -1}}, r"source\.column: Input should be greater"),
        ({"source": {"type": "series", "files": [{"url": "https://x.org/y"}]}}, r"sha256: this key is required"),
        ({"atoms": "all"}, r"atoms has no effect on a series"),
        ({"skip_damaged": True}, r"skip_damaged has no effect on a series"),
    ],
)
def test_what_is_no_system_of_a_series(folder, change, message):
    write(folder, SERIES)
    assert plan(folder).systems["x"].frames_are == "series"
    write(folder, {key: value for key, value in {**SERIES, **change}.items() if value is not None})
    with pytest.raises(InputError, match=message):
        plan(folder)


A_BASE = {"tokenizer": {"name": "chain", "codebook_size": 512}, "model": {"name": "base"}}
STRUCTURE = {"source": {"type": "structure", "pdb": "1L2Y"}, "main": False, "variants": {"base": A_BASE}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame_interval_ps": 1.0}, r"frame_interval_ps has no effect: frames do not follow each other"),
        (
            {"main": True},
            r"variant main: model mistral learns how frames follow each other, and those of source",
        ),
        ({"source": {"type": "structure"}}, r"give either `pdb`"),
        (
            {"variants": {"base": {**A_BASE, "dynamics": {"frames": 10}}}},
            r"dynamics\.frames has no effect: .* moves",
        ),
        (
            {"variants": {"base": {**A_BASE, "model": {"name": "base", "tuning": {"system": "x"}}}}},
            r"model\.tuning\.system: 'x' is the system itself; leave this key out",
        ),
        (
            {"variants": {"base": {**A_BASE, "model": {"name": "base", "tuning": {"system": "nowhere"}}}}},
            r"nowhere\.yaml.*(not|no such|does)",
        ),
    ],
)
def test_what_is_no_system_of_a_structure(folder, change, message):
    write(folder, STRUCTURE)
    system = plan(folder).systems["x"]
    assert [system.runs("base", stage) for stage in ("novelty", "dynamics")] == [True, False]
    assert system.prepare()["frame_interval_ps"] == "unordered"
    write(folder, {**STRUCTURE, **change})
    with pytest.raises(InputError, match=message):
        plan(folder)


def test_a_system_that_is_learned_from_is_known(folder):
    tuned = {**A_BASE, "model": {"name": "base", "tuning": {"system": "other"}}}
    write(folder, {**STRUCTURE, "variants": {"base": tuned}})
    write(folder, STRUCTURE, "other")
    found = plan(folder)
    assert list(found.systems) == ["x"]
    assert list(found.teachers) == ["other"]
    assert "other" in found.known
    here, nowhere = ({"source": {"type": "structure", "file": str(folder / name)}} for name in ("x.pdb", "no.pdb"))
    (folder / "x.pdb").touch()
    write(folder, {**STRUCTURE, **here, "variants": {"base": tuned}})
    write(folder, {**STRUCTURE, **nowhere}, "other")
    (lacking,) = missing(plan(folder), folder)
    assert re.search(r"raw files of other: .*no\.pdb does not exist", lacking)
    write(folder, SERIES, "other")
    with pytest.raises(InputError, match=r"'other' is a series, which has no backbones"):
        plan(folder)


def test_an_rmsd_needs_its_reference_in_every_kind_of_system(folder):
    content = {**system(), "stages": {"tokenizer": {"name": "bins", "variable": "psi2"}}}
    content |= {"states": {"A": {"psi2": [-3.2, 0]}, "B": {"psi2": [0, 3.2]}}}
    for key in ("training_set", "plane"):
        del content[key]
    write(folder, content)
    assert not plan(folder).systems["x"].decoded
    content["collective_variables"]["r"] = {"type": "rmsd", "reference": "crystal"}
    write(folder, content)
    with pytest.raises(InputError, match=r"collective_variables\.r\.reference names 'crystal'"):
        plan(folder)
    content["collective_variables"]["r"]["reference"] = "training_start"
    write(folder, content)
    with pytest.raises(InputError, match="an RMSD to training_start needs a training set"):
        plan(folder)


def test_an_override_for_all_systems_needs_an_effect_on_one_of_them(folder):
    write(folder, kinetic_system(lstm={"model": {"name": "lstm"}}), "k")
    overrides = {"kinetics": {"trainings": 3}}
    both = Plan({"systems": ["x", "k"], "overrides": overrides}, folder).systems
    assert list(both["x"].trained) == ["main"]
    assert list(both["k"].trained) == ["lstm", "lstm_training2", "lstm_training3"]
    with pytest.raises(InputError, match=r"--config: overrides\.kinetics\.trainings has no effect: there are kinetics"):
        plan(folder, overrides=overrides)


def test_what_the_tokenizer_makes_decides_which_stages_apply(folder):
    variants = {
        "kinetic": {"kinetics": {"discretizer": {"name": "states"}, "lag": 5}},
        "torsion": {"tokenizer": {"name": "bins", "variable": "psi2"}, "model": {"name": "nanogpt"}},
    }
    content = {**system(), "states": {"A": {"psi2": [-3.2, 0]}, "B": {"psi2": [0, 3.2]}}, "variants": variants}
    write(folder, content)
    found = plan(folder).systems["x"]
    runs = {name: {stage for stage in VARIANT_STAGES if found.runs(name, stage)} for name in found.variants}
    always = {"tokenize", "train", "rollout", "summarize"}
    assert runs["main"] == always | {"fidelity", "redraw", "decode", "analyze", "novelty", "dynamics", "sample"}
    assert runs["kinetic"] == runs["main"] | {"discretize", "md_kinetics", "discretize_rollout", "kinetics"}
    assert runs["torsion"] == always | {"md_kinetics", "kinetics", "trace", "kinetic_distance"}
    assert found.provider("kinetic", "train") == "main"
    assert list(found.prepare()["observables"]["collective_variables"]) == ["psi2"]
    with pytest.raises(InputError, match="there is no decode of the variant torsion"):
        found.stage("torsion", "decode")


def test_md_is_discretized_once_for_all_training_sets(folder):
    kinetics = {"kinetics": {"discretizer": {"name": "states"}, "lag": 5}}
    content = {**system(), "stages": kinetics, "variants": {"other": {"training_set": {"state": ["A", "B"]}}}}
    write(folder, content)
    found = plan(folder).systems["x"]
    assert {
        stage: found.provider("other", stage) for stage in ("discretize", "md_kinetics", "tokenize", "kinetics")
    } == {
        "discretize": "main",
        "md_kinetics": "main",
        "tokenize": "other",
        "kinetics": "other",
    }
    assert found.training_set("other")["state"] == ["A", "B"]


def test_trainings_differ_in_the_seed_and_share_the_tokens(folder):
    model = {"model": {"name": "lstm"}, "seed": 3}
    write(folder, kinetic_system(lstm=model, markov={"model": {"name": "markov"}, "seed": 3}))
    found = plan(folder, overrides={"kinetics": {"trainings": 3}}).systems["x"]
    names = ["lstm", "lstm_training2", "lstm_training3"]
    assert list(found.trainings("lstm")) == names
    assert [found.stage(name, "train")["seed"] for name in names] == [3, 4, 5]
    assert [found.stage(name, "rollout")["seed"] for name in names] == [3, 4, 5]
    assert [found.provider(name, "tokenize") for name in names] == ["lstm"] * 3
    assert [found.provider(name, "train") for name in names] == names
    assert list(found.variants) == ["lstm", "markov"]


def test_a_variant_may_not_have_the_name_of_a_training(folder):
    model = {"model": {"name": "lstm"}}
    write(folder, kinetic_system(lstm=model, lstm_training2=model))
    assert len(plan(folder).systems["x"].variants) == 2
    with pytest.raises(InputError, match=r"variants\.lstm_training2: this name is taken by a training of 'lstm'"):
        plan(folder, overrides={"kinetics": {"trainings": 2}})


def test_prepare_reads_only_the_variables_that_states_use(folder):
    before = plan(folder).systems["x"].prepare()
    content = system()
    content["collective_variables"]["g"] = {"type": "radius_of_gyration"}
    write(folder, content)
    assert plan(folder).systems["x"].prepare() == before
    assert list(before["observables"]["collective_variables"]) == ["d"]
