"""Config files: what is accepted, what is shared between variants, and what an error says."""

from pathlib import Path

import pytest
import yaml

from mdllm.config.plan import Plan
from mdllm.config.reading import merge, read_yaml
from mdllm.config.settings.stages import StageSettings, sections
from mdllm.config.systems import VARIANT_STAGES
from mdllm.core.errors import InputError
from mdllm.schemas import problems

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    """A config folder with one system, which a test may spoil."""
    (tmp_path / "systems").mkdir()
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "cpu.yaml").write_text((ROOT / "config" / "presets" / "cpu.yaml").read_text())
    write(tmp_path, system())
    return tmp_path


def system() -> dict:
    return {
        "description": "test",
        "source": {"type": "files", "topology": "a.pdb", "trajectories": ["a.xtc"]},
        "collective_variables": {
            "d": {"type": "distance", "a": "resid 1", "b": "resid 2"},
            "psi2": {"type": "psi", "residue": 2},
        },
        "states": {"A": {"d": [0, 1]}, "B": {"d": [1, 2]}},
        "training_set": {"state": "A"},
        "plane": ["d", "psi2"],
    }


def write(folder, content, name="x"):
    (folder / "systems" / f"{name}.yaml").write_text(yaml.safe_dump(content))


def plan(folder, **run):
    return Plan({"systems": ["x"], **run}, folder)


def test_the_configuration_of_this_repository_is_valid():
    assert problems(ROOT) == []
    assert Plan(read_yaml(ROOT / "config" / "config.yaml"), ROOT / "config").runs() == [
        ("trp_cage", "main"),
        ("trp_cage", "from_b"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"traning_set": {}}, r"x\.yaml:\n  traning_set: unknown key; did you mean 'training_set'\?"),
        ({"plane": ["d", "phi3"]}, r"plane names 'phi3', which is not defined; defined are d, psi2"),
        ({"training_set": {"state": "C"}}, r"training_set\.state names 'C'.*defined are A, B"),
        ({"states": {"A": {"q": [0, 1]}}}, r"states\.A names 'q'"),
        ({"states": {"A": {"d": [0, 1]}, "B": {"d": [2, 1]}}}, r"states\.B\.d: low 2.0 is not below high 1.0; only"),
        ({"states": {"A": {"d": [0, 1]}, "B": [{"psi2": [2, 2]}]}}, r"states\.B\.psi2: low 2.0 is not below high 2.0"),
        ({"states": {"A": {"d": [0, 1]}, "none": {"d": [1, 2]}}}, r"states\.none: this name marks frames outside"),
        ({"collective_variables": {"d": {"a": "x", "b": "y"}}}, r"variables\.d: the key 'type' is required"),
        ({"collective_variables": {"d": {"type": "dist"}}}, r"variables\.d: 'type' 'dist' is unknown.*'distance'"),
        ({"frame_interval_ps": -1}, r"frame_interval_ps: Input should be greater than 0, not -1"),
        ({"source": {"type": "files", "topology": "a.pdb"}}, r"source\.trajectories: this key is required"),
        ({"references": {"r": {"file": "r.pdb", "state": "Z"}}}, r"references\.r\.state names 'Z'"),
        ({"variants": {"main": {}}}, "choose another name"),
        ({"variants": {"raw": {}}}, r"variants\.raw: this name is taken"),
        ({"variants": {"v": {"rollot": {}}}}, r"variants\.v:\n  rollot: unknown key; did you mean 'rollout'\?"),
        ({"variants": {"v": {"prepare": {"stride": 2}}}}, "write a second system file"),
        ({"variants": {"v": {"training_set": {"state": "C"}}}}, r"variants\.v\.training_set\.state: 'C'"),
        ({"variants": {"v": {"rollout": {"top_p": 2}}}}, r"rollout\.top_p: Input should be less than or equal to 1"),
        ({"kind": "kinetics"}, r"kind: this key is gone; remove it: .* takes `main: false`"),
        ({"main": False}, r"main: false leaves nothing to run; define `variants`"),
        ({"training_set": {"state": "A", "frames": [[5, 2]]}}, r"training_set: frames: range \[5, 2\] is reversed"),
        ({"training_set": {"state": []}}, r"training_set: state: name at least one state"),
        ({"training_set": {"state": ["A", "C"]}}, r"training_set\.state names 'C'"),
        (
            {"states": "auto", "variants": {"v": {"kinetics": {"discretizer": {"name": "k_centers", "centers": 5}}}}},
            "not auto",
        ),
        ({"verification": {"proposals": 3}}, "verification: unknown key"),
        ({"stages": {"verification": {"length_ps": 5}}}, r"length_ps has no effect: verification\.proposals is 0"),
        ({"atoms": "all"}, r"atoms has no effect: residues are coded"),
        ({"stages": {"language": {"context_frames": 3}, "rollout": {"keep_frames": 4}}}, "keep_frames 4 is more than"),
        (
            {"stages": {"language": {"form": "text"}}},
            r"language\.form: text needs a pretrained model, and model\.name is",
        ),
        ({"stages": {"model": {"hidden_size": 30}}}, r"model: hidden_size 30 must be an even multiple of heads 4"),
        (
            {"variants": {"v": {"kinetics": {"trainings": 5}}}},
            r"variants\.v\.kinetics\.trainings has no effect: there are",
        ),
        ({"stages": {"causal_trace": {"windows": 5}}}, r"stages\.causal_trace\.windows has no effect: a causal trace"),
        ({"source": {"type": "shared", "system": "x"}}, "'x' is not simulated"),
        ({"plane": ["d", "d"]}, "plane names 'd' twice; a plane has two variables"),
        (
            {"states": {"A": {"d": [0, 1], "psi2": [-60, 60]}, "B": {"d": [1, 2]}}},
            r"states\.A\.psi2: -60 is no angle in radian, which lie from -pi to pi; -60 degrees are -1\.0472",
        ),
        ({"variants": {"v": {"tokenizer": {"name": "bins", "variable": "psi2", "low": -180, "high": 180}}}}, "-3.1416"),
        (
            {"states": {"A": {"d": [0.8, None]}, "B": {"d": [1, 2]}}},
            r"states\.A\.d\.1: Input should be a valid number, not None; write a number, for an open end one that",
        ),
        ({"training_set": "A"}, r"training_set: .*, not 'A'; write \{state: A\}"),
        ({"states": {"a-1": {"d": [0, 1]}}}, "names, those of files too, have letters, digits and underscores"),
        ({"training_set": {"state": False}}, "YAML reads on, off, yes and no as true and false: put a name in quotes"),
    ],
)
def test_a_wrong_key_of_a_system_is_named(folder, change, message):
    write(folder, {**system(), **change})
    with pytest.raises(InputError, match=message):
        plan(folder)


def test_of_a_system_only_the_source_is_required(folder):
    source = system()["source"]
    write(folder, {"source": source})
    found = plan(folder).systems["x"]
    assert found.settings.states == "auto"
    assert found.prepare()["slow"] is True
    assert found.training_set("main") == {"state": None, "frames": None}
    assert found.conditions("main")["training_states"] is None
    write(folder, {"source": source, "training_set": {"frames": [[0, 5]]}})
    assert plan(folder).systems["x"].conditions("main")["training_states"] == []
    write(folder, system())
    assert plan(folder).systems["x"].prepare()["slow"] is False
    write(folder, {**system(), "plane": None})
    assert plan(folder).systems["x"].prepare()["slow"] is True


def test_where_a_frame_is_one_code_states_are_required(folder):
    content = {key: value for key, value in kinetic_system().items() if key not in ("states", "main")}
    write(folder, content)
    with pytest.raises(InputError, match="states: this key is required where a frame is one code"):
        plan(folder)


def test_md_of_new_frames_is_asked_for(folder):
    write(folder, {**system(), "variants": {"verified": {"verification": {"proposals": 2}}}})
    found = plan(folder).systems["x"]
    assert [found.runs(variant, "verify") for variant in ("main", "verified")] == [False, True]
    assert found.provider("verified", "novelty") == "main"


def test_a_mistyped_key_deep_inside_is_named(folder):
    content = system()
    content["collective_variables"]["psi2"]["residu"] = 3
    write(folder, content)
    with pytest.raises(InputError, match=r"collective_variables\.psi2\.residu: unknown key; did you mean 'residue'"):
        plan(folder)


def test_a_state_cannot_depend_on_the_training_set(folder):
    content = system()
    content["collective_variables"]["r"] = {"type": "rmsd", "reference": "training_start"}
    content["states"]["A"] = {"r": [0, 0.1]}
    write(folder, content)
    with pytest.raises(InputError, match=r"states\.A: 'r' depends on the training set"):
        plan(folder)


def test_wrong_names_and_files(folder):
    with pytest.raises(InputError, match="preset"):
        Plan({"systems": ["x"], "presets": "cpu"}, folder)
    with pytest.raises(InputError, match=r"xx\.yaml does not exist; did you mean 'x'\?"):
        plan(folder, only="xx")
    with pytest.raises(InputError, match=r"overrides` of config\.yaml:\n  rollout\.temperatur: unknown key"):
        plan(folder, overrides={"rollout": {"temperatur": 1}})
    (folder / "systems" / "x.yaml").write_text("description: a\ndescription: b\n")
    with pytest.raises(InputError, match="key 'description' is given twice"):
        plan(folder)
    (folder / "systems" / "x.yaml").write_text("states: [1,")
    with pytest.raises(InputError, match="not valid YAML"):
        plan(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"states: {on: {d: [0, 1]}}", r"YAML reads the key on as true; write 'on', in quotes"),
        (b"states: {No: {d: [0, 1]}}", r"YAML reads the key No as false; write 'No', in quotes"),
        (b"residue: 011", r"YAML reads 011 as 9; write 11, or '011' in quotes"),
        (b"residue: 1:30", r"YAML reads 1:30 as 90; write '1:30' in quotes"),
        (b"states:\n\tA: 1", r"not valid YAML: .*; indent by blanks, not by tabs"),
        ("description: Prüfung\n".encode("latin-1"), r"x\.yaml, line 1: byte 0xfc is no UTF-8 .*save it as UTF-8"),
        (b"just words", "must hold a mapping of keys to values, as `description: ...`"),
    ],
)
def test_what_yaml_reads_otherwise_is_named(folder, text, message):
    (folder / "systems" / "x.yaml").write_bytes(text)
    with pytest.raises(InputError, match=f"(?s){message}"):
        plan(folder)


def test_numbers_are_numbers(folder):
    (folder / "n.yaml").write_text("a: [0, -0, +7, 10, 0x1f, 0.5, 1e-3, 1.0e+3]\n")
    assert read_yaml(folder / "n.yaml") == {"a": [0, 0, 7, 10, 31, 0.5, "1e-3", 1000.0]}


def test_a_name_that_cannot_be_one_says_what_can(folder):
    with pytest.raises(
        InputError, match=r"systems\.0: .*not 't4l-l99a'; names, those of files too, have letters, digits"
    ):
        Plan({"systems": ["t4l-l99a"]}, folder)


def test_only_selects_by_name_list_or_comma(folder):
    write(folder, system(), "y")
    both = {"systems": ["x", "y"]}
    assert list(Plan(both, folder).systems) == ["x", "y"]
    assert list(Plan({**both, "only": "y"}, folder).systems) == ["y"]
    assert list(Plan({**both, "only": "y, x"}, folder).systems) == ["y", "x"]
    assert list(Plan({**both, "only": ["y"]}, folder).systems) == ["y"]


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


def kinetic_system(**variants):
    variables = {"type": "coordinate", "axis": "x"}
    stages = {"tokenizer": {"name": "bins", "variable": "x", "bins": 4, "low": -4, "high": 4}}
    states = {"left": {"x": [-9, 0]}, "right": {"x": [0, 9]}}
    about = {"main": False, "description": "a potential", "source": {"type": "potential", "name": "four_state"}}
    return {**about, "collective_variables": {"x": variables}, "states": states, "stages": stages, "variants": variants}


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
        ({"variants": {"m": {"training_set": {"state": "left"}}}}, r"training_set has no effect: it gives a frame one"),
        ({"training_set": {"state": "left"}}, r"training_set has no effect: every variant gives a frame one code"),
        ({"selection": "all"}, r"selection has no effect"),
        ({"plane": ["x", "x"]}, r"plane has no effect"),
        ({"atoms": "all"}, r"atoms has no effect on a model potential"),
        ({"references": {"r": {"file": "r.pdb"}}}, r"references\.r has no effect: no variable is an RMSD to it"),
        (
            {"collective_variables": {"x": {"type": "radius_of_gyration"}}},
            "type coordinate belongs to a model potential",
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
    assert runs["main"] == always | {"fidelity", "decode", "analyze", "novelty"}
    assert runs["kinetic"] == runs["main"] | {"discretize", "md_kinetics", "discretize_rollout", "kinetics"}
    assert runs["torsion"] == always | {"md_kinetics", "kinetics", "trace"}
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


def test_a_section_that_a_stage_was_not_given_does_not_exist():
    given = sections({"seed": 3, "rollout": {"frames": 7, "keep_frames": 9}})
    assert (given.seed, given.rollout.frames) == (3, 7)
    with pytest.raises(AttributeError):
        given.language  # noqa: B018


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


def test_merge_replaces_a_section_of_another_kind():
    base = {"tokenizer": {"name": "multiscale", "codebook_size": 64}, "rollout": {"top_k": 1, "top_p": 0.5}}
    assert merge(base, {"rollout": {"top_k": 2}})["rollout"] == {"top_k": 2, "top_p": 0.5}
    assert merge(base, {"tokenizer": {"name": "torsion_grid"}})["tokenizer"] == {"name": "torsion_grid"}
    assert merge(base, {"tokenizer": {"codebook_size": 8}})["tokenizer"]["name"] == "multiscale"


def test_the_preset_cpu_shows_every_default():
    preset = read_yaml(ROOT / "config" / "presets" / "cpu.yaml")
    assert preset == StageSettings().model_dump(mode="json")
