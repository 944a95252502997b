"""JSON Schemas of the config files and of `summary.json`, for editors and for a check without Python.

They are written from the settings classes and the classes of the summary; nobody edits them.
"""

import json
from pathlib import Path

import jsonschema

from mdllm.bases.settings import BaseSettings
from mdllm.config.reading import read_yaml
from mdllm.config.settings.collection import CollectionSettings
from mdllm.config.settings.stages import RunSettings, StageSettings
from mdllm.config.settings.study import StudySettings
from mdllm.config.settings.system import SystemSettings
from mdllm.core.errors import InputError
from mdllm.report.schema.summary import Summary
from mdllm.seqdance.settings import DanceSettings

# Schema, and the files in config/ that follow it.
_SCHEMAS = {
    "config": (RunSettings, "*.yaml"),
    "preset": (StageSettings, "presets/*.yaml"),
    "system": (SystemSettings, "systems/*.yaml"),
    "collection": (CollectionSettings, "collections/*.yaml"),
    "base": (BaseSettings, "bases/*.yaml"),
    "dance": (DanceSettings, "dances/*.yaml"),
    "study": (StudySettings, "studies/*.yaml"),
    "summary": (Summary, None),
}


def render(name: str) -> str:
    """The schema `name` as JSON text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_SCHEMAS[name][0].model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def texts() -> dict[Path, str]:
    """The schemas by their paths below the root of a checkout."""
    return {Path("workflow", "schemas", f"{name}.schema.json"): render(name) for name in _SCHEMAS}


def write(root: Path) -> list[Path]:
    """Write all schemas below `root`; returns their paths."""
    paths = []
    for path, text in texts().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        paths.append(root / path)
    return paths


def problems(root: Path) -> list[str]:
    """What is wrong with the schemas and the config files below `root`, in words; empty if nothing is."""
    found = [
        f"{path} is not up to date; run `mdllm schemas`"
        for path, text in texts().items()
        if not (root / path).is_file() or (root / path).read_text() != text
    ]
    for name, (_, pattern) in _SCHEMAS.items():
        validator = jsonschema.Draft202012Validator(json.loads(render(name)))
        for file in sorted((root / "config").glob(pattern)) if pattern else ():
            try:
                content = read_yaml(file)
            except InputError as error:
                found.append(str(error))
                continue
            found += [f"{file}: {error.json_path}: {error.message}" for error in validator.iter_errors(content)]
    return found
