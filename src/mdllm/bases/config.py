"""Files of config/bases, checked."""

from pathlib import Path

from mdllm.bases.settings import BaseSettings
from mdllm.config.collections import collection_names
from mdllm.config.reading import read_yaml, validate
from mdllm.core.errors import InputError


def base_names(config: Path) -> list[str]:
    """Names of the files of `config`/bases, sorted."""
    return sorted(path.stem for path in (Path(config) / "bases").glob("*.yaml"))


def read_base(config: Path, name: str) -> BaseSettings:
    """The base `name`.

    Raises:
        InputError: the file is missing, misspelled or inconsistent, or names a collection that is not there.
    """
    path = Path(config) / "bases" / f"{name}.yaml"
    settings = validate(BaseSettings, read_yaml(path), str(path))
    if settings.collection not in (known := collection_names(config)):
        raise InputError(f"{path}: collection: there is no {settings.collection}, but {', '.join(known) or 'none'}")
    return settings
