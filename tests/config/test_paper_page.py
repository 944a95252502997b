"""docs/paper.md: every key that it names exists, every value is that of the config files, every test is there."""

import re
import typing
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from mdllm.config.plan import Plan
from mdllm.config.reading import read_yaml
from mdllm.config.settings.stages import StageSettings
from mdllm.config.settings.system import SystemSettings

ROOT = Path(__file__).resolve().parents[2]
PAGE = re.sub(r"```.*?```", "", (ROOT / "docs" / "paper.md").read_text(), flags=re.S)
CODE = re.compile(r"`([^`]+)`")
KEYS = sorted({code for code in CODE.findall(PAGE) if re.fullmatch(r"[a-z]\w*(\.[a-z]\w*)+", code)})
SECTIONS = {**StageSettings.model_fields, **SystemSettings.model_fields}


def rows(columns: int) -> list[list[str]]:
    """Rows of the tables with so many columns, without their heads."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("|")]
    return [line for line in lines if len(line) == columns and set(line[0]) != {"-"} and "key" not in line]


def code(cell: str) -> str | None:
    """What stands in a cell between backticks."""
    found = CODE.fullmatch(cell)
    return found and found[1]


def sections(annotation) -> list[type[BaseModel]]:
    """The settings classes within an annotation: itself, or the members of a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in sections(part)]


def exists(key: str) -> bool:
    first, *rest = key.split(".")
    fields = [SECTIONS[first].annotation]
    for part in rest:
        found = [member.model_fields for annotation in fields for member in sections(annotation)]
        fields = [options[part].annotation for options in found if part in options]
    return bool(fields)


def value(settings: BaseModel, key: str):
    """The value of a key, as YAML would write it."""
    content = settings.model_dump(mode="json")
    for part in key.split("."):
        content = content[part]
    return content


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(read_yaml(ROOT / "config" / "paper.yaml"), ROOT / "config")


@pytest.mark.parametrize("key", [key for key in KEYS if key.split(".")[0] in SECTIONS])
def test_a_key_that_is_named_exists(key):
    assert exists(key)


def test_a_key_that_is_not_there_is_noticed():
    assert not exists("model.lora.rank")
    assert not exists("tokenizer.levels")


def test_every_key_of_the_preset_is_on_the_page():
    def leaves(content: dict, above: str = "") -> list[str]:
        return [
            key
            for name, inside in content.items()
            for key in (leaves(inside, f"{above}{name}.") if isinstance(inside, dict) else [above + name])
        ]

    assert set(leaves(read_yaml(ROOT / "config" / "presets" / "paper.yaml"))) - set(CODE.findall(PAGE)) == set()


def test_values_of_the_method(plan):
    table = [(code(row[2]), code(row[3])) for row in rows(5) if not code(row[1]) and code(row[2])]
    assert len(table) > 35
    settings = plan.systems["mad2"].variants["main"].settings
    for key, written in table:
        assert yaml.safe_load(written) == value(settings, key), key


def test_values_of_the_systems(plan):
    table = [row for row in rows(5) if code(row[1]) and code(row[2])]
    assert len(table) > 5
    for row in table:
        for system, cell in zip(("t4l_l99a", "t4l_l99a_g113a_r119p", "mad2"), row[2:], strict=True):
            assert yaml.safe_load(code(cell)) == value(plan.systems[system].settings, code(row[1])), row


def test_tests_that_are_named_exist():
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = {found for found in CODE.findall(PAGE) if found.startswith("test_")}
    assert len(named) > 10
    for name in named:
        assert f"def {name}(" in sources, name
    for path in re.findall(r"`((?:tests|benchmarks|config|src|workflow)/[\w./]+)`", PAGE):
        assert (ROOT / path).exists(), path
