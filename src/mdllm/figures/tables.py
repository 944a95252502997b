"""What figures read: the tables of a run, loaded when a figure asks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mdllm.core.records import read_npz
from mdllm.figures.conditions import common_line, line


class Tables:
    """The tables of one variant, each read once and on demand as an attribute of its name in `registry.TABLES`.

    Args:
        paths: by that name.
    """

    def __init__(self, paths: Mapping[str, Path]):
        self._paths = paths

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._paths:
            raise AttributeError(f"no table '{name}' was given")
        content = read_table(Path(self._paths[name]))
        setattr(self, name, content)
        return content

    @property
    def conditions(self) -> str:
        """What the results were made with, in one line."""
        return line(self.summary["conditions"])

    def states(self) -> list[str]:
        """Names of the states, those that were trained on first."""
        training = self.description["training_states"]
        return [*training, *(state for state in self.description["states"] if state not in training)]


@dataclass(frozen=True)
class SystemTables:
    """The tables of all variants of a system that have those that a figure needs, in the order of the system file."""

    variants: Mapping[str, Tables]

    @cached_property
    def kinetics(self):
        """`mdllm.figures.kinetics.data.Kinetics` of all of them."""
        from mdllm.figures.kinetics.data import load

        return load(self.variants, self.conditions)

    @property
    def conditions(self) -> str:
        """What the results were made with, and what differs between variants, in one line."""
        return common_line({name: tables.summary["conditions"] for name, tables in self.variants.items()})


def read_table(path: Path) -> Any:
    """A CSV or parquet file as a data frame, or a JSON file as plain values."""
    return _READ[path.suffix](path)


def _read_csv(path: Path) -> pd.DataFrame:
    """A CSV in which only an empty field is missing: a state may be called NA."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


_READ = {
    ".csv": _read_csv,
    ".parquet": pd.read_parquet,
    ".npz": read_npz,
    ".json": lambda path: json.loads(Path(path).read_text()),
}
