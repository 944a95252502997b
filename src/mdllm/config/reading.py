"""YAML files and validation, with errors that name the file, the key and what is meant.

Everything that can be wrong with a config file is found before any job starts.
"""

import difflib
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mdllm.config.section import Section
from mdllm.core.errors import InputError

Validated = TypeVar("Validated", bound=BaseModel)
# Keys of earlier versions, and what replaces them.
_REPLACED = {
    "kind": "remove it: the tokenizer of a variant says what applies. A file of `kind: kinetics` takes `main: false` "
    "instead, as only its variants run",
}


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Safe YAML that refuses a key given twice: the first of the two would be lost in silence."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"key '{key}' is given twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict:
    """The mapping in a YAML file.

    Raises:
        InputError: the file is missing, is not YAML, repeats a key, or holds no mapping.
    """
    path = Path(path)
    if not path.is_file():
        near = difflib.get_close_matches(path.stem, [p.stem for p in path.parent.glob("*.yaml")], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"{path} does not exist{hint}")
    try:
        content = yaml.load(path.read_text(), _UniqueKeyLoader)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a mapping of keys to values")
    return content


def merge(base: dict, over: dict) -> dict:
    """`over` laid on `base`, section by section; a section that changes its `name` is replaced whole."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(value, dict) and isinstance(old, dict)
        same_kind = both and value.get("name", old.get("name")) == old.get("name")
        result[key] = merge(old, value) if same_kind else value
    return result


def validate(model: type[Validated], content: dict, source: str) -> Validated:
    """`content` as `model`.

    Raises:
        InputError: names `source`, each offending key with its path, what is wrong, and a near name if there is one.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [_explain(problem, content) for problem in error.errors()]
        raise InputError(f"{source}:\n  " + "\n  ".join(lines)) from error


def _explain(problem: dict, content: dict) -> str:
    place, path = content, []
    for part in problem["loc"]:
        inside = isinstance(place, dict) and part in place
        inside |= isinstance(place, list) and isinstance(part, int) and part < len(place)
        if inside:
            place = place[part]
        if inside or (problem["type"] == "missing" and part == problem["loc"][-1]):
            path.append(str(part))
    key = ".".join(path)
    if problem["type"] == "extra_forbidden" and key in _REPLACED:
        return f"{key}: this key is gone; {_REPLACED[key]}"
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _known_keys(), n=1, cutoff=0.7)
        return f"{key}: unknown key" + (f"; did you mean '{near[0]}'?" if near else "; remove it")
    if problem["type"] == "missing":
        return f"{key}: this key is required"
    if problem["type"] == "union_tag_not_found":
        return f"{key}: the key {problem['ctx']['discriminator']} is required, since it says which kind this is"
    if problem["type"] == "union_tag_invalid":
        tag, known = problem["ctx"]["tag"], problem["ctx"]["expected_tags"]
        return f"{key}: {problem['ctx']['discriminator']} '{tag}' is unknown; choose one of {known}"
    if problem["type"] == "value_error":
        return (f"{key}: " if key else "") + str(problem["ctx"]["error"])
    return f"{key}: {problem['msg']}, not {place!r}"


@lru_cache
def _known_keys() -> list[str]:
    return sorted({name for section in _below(Section) for name in section.model_fields})


def _below(section: type[Section]) -> list[type[Section]]:
    """All sections derived from `section`, itself included."""
    return [section, *(found for derived in section.__subclasses__() for found in _below(derived))]
