"""Files of config/collections: what is accepted, and what an error says."""

import re

import pytest
import yaml
from pydantic import TypeAdapter

from mdllm.config.choices import COLLECTION_SOURCES, implementations
from mdllm.config.collections import collection_names, raw_files, read_collection
from mdllm.config.settings.collection import CollectionSettings
from mdllm.config.settings.system import Source
from mdllm.core.errors import InputError
from project import ROOT

FILES = {"type": "files", "folder": "data", "members": "*.pdb", "protein": "(?P<protein>.*)"}


@pytest.fixture
def read(tmp_path):
    """Read a collection `x` of this content, beside another one, `other`."""
    (tmp_path / "collections").mkdir()

    def write(name: str, content: dict) -> None:
        (tmp_path / "collections" / f"{name}.yaml").write_text(yaml.safe_dump(content))

    def read(name: str = "x", **content):
        write("other", {"description": "o", "sources": [FILES]})
        write(name, {"description": "x", "sources": [FILES], **content})
        return read_collection(tmp_path, name)

    return read


def test_the_collections_of_this_repository_are_valid():
    assert collection_names(ROOT / "config") == ["benchmarks", "large", "mdcath", "small"]
    small, benchmarks = (read_collection(ROOT / "config", name) for name in ("small", "benchmarks"))
    assert small.leave_out.collections == ["benchmarks"]
    assert small.leave_out.systems
    assert small.identity == 0.3
    assert {source.sha256 for source in (small.sources[1], benchmarks.sources[0])} == {small.sources[1].sha256}
    assert raw_files(ROOT / "config", "small") == []
    mdcath = read_collection(ROOT / "config", "mdcath")
    assert mdcath.leave_out == small.leave_out
    (source,) = mdcath.sources
    assert len(set(source.domains)) == 491
    assert "2hbaA00" not in source.domains  # NTL9, which tests and docs measure on


def yaml_of(page: str) -> list[str]:
    """The YAML blocks of a page of docs."""
    return re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def test_the_examples_of_the_docs_are_valid():
    collection, sources = yaml_of("collections.md")
    settings = CollectionSettings.model_validate(yaml.safe_load(collection))
    assert settings.sources[0].members == "**/*.pdb"
    sources = sources.replace("64 hexadecimal digits", 64 * "a")
    kinds = [
        TypeAdapter(Source).validate_python(yaml.safe_load(f"source:{text}")["source"]).type
        for text in sources.split("source:")[1:]
    ]
    assert kinds == ["mdcath", "atlas", "url"]


def test_every_kind_of_source_can_be_loaded():
    assert sorted(COLLECTION_SOURCES.classes) == ["atlas", "files", "mdcath", "package", "promod3", "url"]
    for settings in COLLECTION_SOURCES.classes.values():
        assert callable(settings.load())


def test_the_code_of_a_stage_is_that_of_its_sources(read):
    settings = read().model_dump(mode="json")
    assert implementations(settings) == ["mdllm.collections.members"]
    settings["sources"].append({"type": "mdcath"})
    assert implementations(settings) == ["mdllm.collections.databases", "mdllm.collections.members"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": [{**FILES, "type": "file"}]}, r"x\.yaml:\n  sources\.0: 'type' 'file' is unknown; choose one of"),
        ({"sources": [{**FILES, "memebrs": "x"}]}, r"sources\.0\.memebrs: unknown key; did you mean 'members'"),
        ({"sources": []}, r"sources: List should have at least 1 item"),
        ({"sources": [{**FILES, "protein": "(.*)"}]}, r"'\(\.\*\)' has no group \(\?P<protein>"),
        ({"sources": [{**FILES, "protein": "(?P<protein>"}]}, r"is no regular expression: "),
        (
            {"sources": [{**FILES, "protein": "(?P<protein>.)(?P<state>.)"}]},
            r"the group state has no effect; known are",
        ),
        ({"sources": [{**FILES, "interval_ps": 1}]}, r"interval_ps has no effect without `trajectories`"),
        (
            {"sources": [{**FILES, "trajectories": "*.xtc", "chains": "separate"}]},
            r"chains: separate is for structures",
        ),
        (
            {"sources": [{**FILES, "temperature_k": 300, "protein": "(?P<protein>.)(?P<temperature_k>.)"}]},
            r"temperature_k has no effect, since `protein` has a group",
        ),
        ({"sources": [{**FILES, "prefix": "a/b"}]}, r"sources\.0\.\S*prefix: String should match pattern"),
        ({"sources": [{"type": "mdcath", "domains": ["../x"]}]}, r"domains\.0: String should match pattern"),
        ({"sources": [{"type": "atlas", "ids": ["16pk"]}]}, r"ids\.0: String should match pattern"),
        ({"shortest": 50, "longest": 40}, r"shortest 50 is above longest 40"),
        ({"validation_share": 0, "seed": 1}, r"seed has no effect, since validation_share is 0"),
        ({"leave_out": {"collections": ["none"]}}, r"leave_out\.collections: there is no none, but other, x"),
        ({"leave_out": {"collections": ["x"]}}, r"a collection cannot leave out itself"),
        ({"identity": 0}, r"identity: Input should be greater than 0"),
    ],
)
def test_what_an_error_says(read, changes, message):
    with pytest.raises(InputError, match=message):
        read(**changes)


def test_a_name_that_results_use(read):
    with pytest.raises(InputError, match=r"frames\.yaml: this name is taken by a folder of results"):
        read("frames")


def test_the_users_files_are_asked_for(read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read()
    with pytest.raises(InputError, match=r"collections/x\.yaml: sources\.0: folder data does not exist"):
        raw_files(tmp_path, "x")
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match=r"sources\.0: nothing in data matches \*\.pdb"):
        raw_files(tmp_path, "x")
    (tmp_path / "data" / "one.pdb").touch()
    assert raw_files(tmp_path, "x") == ["data/one.pdb"]
