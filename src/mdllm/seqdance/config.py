"""Files of config/dances, checked."""

from pathlib import Path

from mdllm.config.collections import collection_names
from mdllm.config.reading import read_yaml, validate
from mdllm.core.errors import InputError
from mdllm.seqdance.settings import CollectionProperties, DanceSettings


def dance_names(config: Path) -> list[str]:
    """Names of the files of `config`/dances, sorted."""
    return sorted(path.stem for path in (Path(config) / "dances").glob("*.yaml"))


def read_dance(config: Path, name: str) -> DanceSettings:
    """The model `name`.

    Raises:
        InputError: the file is missing, misspelled or inconsistent, or names a collection that is not there.
    """
    path = Path(config) / "dances" / f"{name}.yaml"
    settings = validate(DanceSettings, read_yaml(path), str(path))
    if isinstance(settings.data, CollectionProperties):
        wanted, known = settings.data.collection, collection_names(config)
        if wanted not in known:
            raise InputError(f"{path}: data.collection: there is no {wanted}, but {', '.join(known) or 'none'}")
    return settings


def files_of(config: Path, name: str) -> dict[str, str]:
    """What the training of `name` reads, by a name for each file: of a collection its tables.

    Raises:
        InputError: as `read_dance`, or a file is not there.
    """
    data = read_dance(config, name).data
    if isinstance(data, CollectionProperties):
        folder = f"results/collections/{data.collection}"
        return {"proteins": f"{folder}/proteins.parquet", "segments": f"{folder}/segments.parquet"}
    for path in (data.proteins, *data.files):
        if not Path(path).is_file():
            raise InputError(
                f"{config}/dances/{name}.yaml: data: {path} does not exist (paths start at the working directory)"
            )
    return {"proteins": data.proteins, **{f"properties_{number}": path for number, path in enumerate(data.files)}}
