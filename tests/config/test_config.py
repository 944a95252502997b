"""Config files: what is accepted, and what an error says."""

import pytest

from config_folder import kinetic_system, plan, system, write
from mdllm.config.plan import Plan
from mdllm.config.reading import merge, read_yaml
from mdllm.config.settings.stages import StageSettings, sections
from mdllm.core.errors import InputError
from mdllm.figures.conditions import line
from mdllm.schemas import problems
from project import ROOT


def test_the_configuration_of_this_repository_is_valid():
    assert problems(ROOT) == []
    assert Plan(read_yaml(ROOT / "config" / "config.yaml"), ROOT / "config").runs() == [
        ("trp_cage", "main"),
        ("trp_cage", "from_b"),
        ("trp_cage", "base"),
        ("trp_cage", "base_from_b"),
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
        ({"training_set": {"state": "A", "frames": [[5, 2]]}}, r"training_set\.frames.*range \[5, 2\] is reversed"),
        ({"training_set": {"state": []}}, r"training_set: state: name at least one state"),
        ({"training_set": {"state": ["A", "C"]}}, r"training_set\.state names 'C'"),
        (
            {"states": "auto", "variants": {"v": {"kinetics": {"discretizer": {"name": "k_centers", "centers": 5}}}}},
            "not auto",
        ),
        ({"verification": {"proposals": 3}}, "verification: unknown key"),
        (
            {"stages": {"verification": {"length_ps": 5}}},
            r"length_ps has no effect: verification\.proposals and random_frames are 0",
        ),
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
    assert found.training_set("main") == {"state": None, "frames": None}  # not cut: as before there were pieces
    assert found.conditions("main")["training_states"] is None
    assert "model mistral · 2 layers of 64 · " in line(found.conditions("main"))
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


def test_a_section_that_a_stage_was_not_given_does_not_exist():
    given = sections({"seed": 3, "rollout": {"frames": 7, "keep_frames": 9}})
    assert (given.seed, given.rollout.frames) == (3, 7)
    with pytest.raises(AttributeError):
        given.language  # noqa: B018


def test_merge_replaces_a_section_of_another_kind():
    base = {"tokenizer": {"name": "multiscale", "codebook_size": 64}, "rollout": {"top_k": 1, "top_p": 0.5}}
    assert merge(base, {"rollout": {"top_k": 2}})["rollout"] == {"top_k": 2, "top_p": 0.5}
    assert merge(base, {"tokenizer": {"name": "torsion_grid"}})["tokenizer"] == {"name": "torsion_grid"}
    assert merge(base, {"tokenizer": {"codebook_size": 8}})["tokenizer"]["name"] == "multiscale"


def test_the_preset_cpu_shows_every_default():
    preset = read_yaml(ROOT / "config" / "presets" / "cpu.yaml")
    assert preset == StageSettings().model_dump(mode="json")
