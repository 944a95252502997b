"""JSON Schemas of the config files and summaries, for editors and for a check without Python.

They are written from the settings classes and the classes of the summaries; nobody edits them.
"""

import json
from pathlib import Path

import jsonschema

from mdllm.config import schemas as config
from mdllm.config.plan import read_yaml
from mdllm.core.errors import InputError
from mdllm.report import kinetics_summary, summary


def texts() -> dict[Path, str]:
    """The schemas by their paths below the root of a checkout."""
    written = {name: config.render(name) for name in config.SCHEMAS}
    written |= {"summary": summary.render_schema(), "kinetics_summary": kinetics_summary.render_schema()}
    return {Path("workflow", "schemas", f"{name}.schema.json"): text for name, text in written.items()}


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
    for name, (_, pattern) in config.SCHEMAS.items():
        validator = jsonschema.Draft202012Validator(json.loads(config.render(name)))
        for file in sorted((root / "config").glob(pattern)):
            try:
                content = read_yaml(file)
            except InputError as error:
                found.append(str(error))
                continue
            if config.KIND_OF.get(name) == content.get("kind", "structure") or name not in config.KIND_OF:
                found += [f"{file}: {error.json_path}: {error.message}" for error in validator.iter_errors(content)]
    return found
