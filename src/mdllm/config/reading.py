"""YAML files and validation, with errors that name the file, the key and what is meant.

Everything that can be wrong with a config file is found before any job starts.
"""

import difflib
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mdllm.config.section import NAME_PATTERN, Section
from mdllm.core.errors import InputError

Validated = TypeVar("Validated", bound=BaseModel)
# Keys of earlier versions, and what replaces them.
_REPLACED = {
    "kind": "remove it: the tokenizer of a variant says what applies. A file of `kind: kinetics` takes `main: false` "
    "instead, as only its variants run",
}


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Safe YAML that refuses what would mean something else than it looks.

    A key given twice, of which the first would be lost; a name such as `on` or `no`, which YAML takes for true or
    false, as a key; a whole number that begins with 0, which it takes for octal, or that holds a colon.
    """

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, (key_node, _) in zip(keys, node.value, strict=True):
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"key '{key}' is given twice", problem_mark=node.start_mark)
            if isinstance(key, bool):
                raise yaml.MarkedYAMLError(
                    problem=f"YAML reads the key {key_node.value} as {str(key).lower()}; write '{key_node.value}', in "
                    "quotes, or choose another name",
                    problem_mark=key_node.start_mark,
                )
        return super().construct_mapping(node, deep)

    def construct_whole_number(self, node) -> int:
        digits = node.value.lstrip("+-")
        if ":" in digits or (len(digits) > 1 and digits.startswith("0") and digits.isdigit()):
            meant = f"'{node.value}'" if ":" in digits else f"{digits.lstrip('0') or 0}, or '{node.value}'"
            raise yaml.MarkedYAMLError(
                problem=f"YAML reads {node.value} as {self.construct_yaml_int(node)}; write {meant} in quotes",
                problem_mark=node.start_mark,
            )
        return self.construct_yaml_int(node)


_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:int", _UniqueKeyLoader.construct_whole_number)


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
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}, line {line}: byte {error.object[error.start]:#x} is no UTF-8 (the file is latin-1, perhaps); "
            "save it as UTF-8, or write the letter another way"
        ) from error
    try:
        content = yaml.load(text, _UniqueKeyLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = text.splitlines()[mark.line : mark.line + 1] if mark else []
        tab = "; indent by blanks, not by tabs" if line and "\t" in line[0] else ""
        raise InputError(f"{path} is not valid YAML: {error}{tab}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a mapping of keys to values, as `description: ...`")
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
    return f"{key}: {problem['msg']}, not {place!r}" + _form_meant(problem, place)


def _form_meant(problem: dict, place) -> str:
    """What to write instead, where the type of an error tells."""
    if problem["type"] == "string_pattern_mismatch" and problem["ctx"]["pattern"] == NAME_PATTERN:
        return "; names, those of files too, have letters, digits and underscores, and begin with no underscore"
    if problem["type"] == "model_type":
        fields = {s.__name__: s.model_fields for s in _below(Section)}.get(problem["ctx"]["class_name"], {})
        first = next((name for name, field in fields.items() if field.is_required()), next(iter(fields), None))
        return f"; write {{{first}: {place}}}" if first else ""
    if isinstance(place, bool):
        return "; YAML reads on, off, yes and no as true and false: put a name in quotes"
    if place is None and problem["type"].startswith(("float", "int")):
        return "; write a number, for an open end one that is never reached, as 100"
    return ""


@lru_cache
def _known_keys() -> list[str]:
    return sorted({name for section in _below(Section) for name in section.model_fields})


def _below(section: type[Section]) -> list[type[Section]]:
    """All sections derived from `section`, itself included."""
    return [section, *(found for derived in section.__subclasses__() for found in _below(derived))]
