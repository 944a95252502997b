"""Files of config/collections, checked, and the sequences of config/systems that a collection leaves out."""

from pathlib import Path

from mdllm.config.reading import read_yaml, validate
from mdllm.config.settings.collection import CollectionSettings
from mdllm.config.settings.system import SystemSettings
from mdllm.config.systems import SHARED_FOLDERS
from mdllm.core.errors import InputError


def collection_names(config: Path) -> list[str]:
    """Names of the files of `config`/collections, sorted."""
    return sorted(path.stem for path in (Path(config) / "collections").glob("*.yaml"))


def read_collection(config: Path, name: str) -> CollectionSettings:
    """The collection `name`.

    Raises:
        InputError: the file is missing, misspelled or inconsistent, or names a collection that is not there.
    """
    path = Path(config) / "collections" / f"{name}.yaml"
    settings = validate(CollectionSettings, read_yaml(path), str(path))
    if name in SHARED_FOLDERS:
        raise InputError(f"{path}: this name is taken by a folder of results; choose another")
    if settings.validation_share == 0 and "seed" in settings.model_fields_set:
        raise InputError(f"{path}: seed has no effect, since validation_share is 0; remove it")
    for other in settings.leave_out.collections:
        if other == name:
            raise InputError(f"{path}: leave_out.collections: a collection cannot leave out itself")
        if other not in collection_names(config):
            raise InputError(
                f"{path}: leave_out.collections: there is no {other}, but {', '.join(collection_names(config))}"
            )
    return settings


def made_collection(config: Path, name: str) -> list[str]:
    """The tables of the collection `name`, in results/collections, of which no other stage is to ask that it be made.

    Raises:
        InputError: there is none of this name, or it is not made yet.
    """
    if name not in (known := collection_names(config)):
        raise InputError(f"there is no collection {name} in {config}/collections, but {', '.join(known) or 'none'}")
    tables = [Path("results") / "collections" / name / f"{table}.parquet" for table in ("proteins", "segments")]
    if missing := [str(table) for table in tables if not table.exists()]:
        raise InputError(f"{missing[0]} is not there; make the collection first, by: snakemake collect_{name}")
    return [str(table) for table in tables]


def raw_files(config: Path, name: str) -> list[str]:
    """The user's own files of a collection. Raises InputError where they are not there, as `read_collection`."""
    found = []
    for number, source in enumerate(read_collection(config, name).sources):
        try:
            found += source.raw_files()
        except InputError as error:
            raise InputError(f"{Path(config)}/collections/{name}.yaml: sources.{number}: {error}") from error
    return found


def system_sequences(config: Path) -> dict[str, list[str] | None]:
    """Sequences of the chains of every molecule in `config`/systems; None where a file has none.

    Raises:
        InputError: a file is misspelled or inconsistent.
    """
    found = {}
    for path in sorted((Path(config) / "systems").glob("*.yaml")):
        settings = validate(SystemSettings, read_yaml(path), str(path))
        if settings.source.frames_are == "atoms":
            found[path.stem] = settings.chain_sequences()
    return found
