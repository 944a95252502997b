"""JSON Schemas of the config files, for editors and for a check without Python, and of `summary.json`.

``python -m mdllm.schemas`` writes them from the classes; ``--check`` fails if the written ones differ, or if a file in
config/ does not follow its schema.
"""

import argparse
import json
import sys
from pathlib import Path

import jsonschema

from mdllm.config.reading import read_yaml
from mdllm.config.settings.stages import RunSettings, StageSettings
from mdllm.config.settings.system import SystemSettings
from mdllm.core.errors import InputError
from mdllm.report.schema import Summary

_ROOT = Path(__file__).resolve().parents[2]
_SCHEMAS = {
    "config": (RunSettings, "*.yaml"),
    "preset": (StageSettings, "presets/*.yaml"),
    "system": (SystemSettings, "systems/*.yaml"),
    "summary": (Summary, None),
}


def render(name: str) -> str:
    """The schema `name` as JSON text."""
    model, _ = _SCHEMAS[name]
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def problems(root: Path = _ROOT) -> list[str]:
    """What is wrong with the schemas and the config files under `root`, in words; empty if nothing is."""
    found = []
    for name, (_, pattern) in _SCHEMAS.items():
        path = root / "workflow" / "schemas" / f"{name}.schema.json"
        if not path.is_file() or path.read_text() != render(name):
            found.append(f"{path.relative_to(root)} is not up to date; run `make schemas`")
        validator = jsonschema.Draft202012Validator(json.loads(render(name)))
        for file in sorted((root / "config").glob(pattern)) if pattern else ():
            try:
                content = read_yaml(file)
            except InputError as error:
                found.append(str(error))
                continue
            for error in validator.iter_errors(content):
                found.append(f"{file.relative_to(root)}: {error.json_path}: {error.message}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if anything is wrong")
    if parser.parse_args().check:
        found = problems()
        print("\n".join(found) or "schemas and config files agree")
        sys.exit(bool(found))
    for name in _SCHEMAS:
        path = _ROOT / "workflow" / "schemas" / f"{name}.schema.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(name))
        print(path.relative_to(_ROOT))


if __name__ == "__main__":
    main()
