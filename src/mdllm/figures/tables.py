"""What figures read: the tables of a run, loaded when a figure asks."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class FigureInputs:
    """Paths of the tables of one system and variant."""

    cvs: Path
    references: Path
    quality: Path
    discovery: Path
    description: Path
    fidelity_table: Path
    training_log: Path
    summary: Path


class Tables:
    """The content of `FigureInputs`, each read once and on demand."""

    def __init__(self, inputs: FigureInputs):
        self._inputs = inputs

    @cached_property
    def cvs(self) -> pd.DataFrame:
        return pd.read_parquet(self._inputs.cvs)

    @cached_property
    def references(self) -> pd.DataFrame:
        return _read_csv(self._inputs.references)

    @cached_property
    def quality(self) -> pd.DataFrame:
        return _read_csv(self._inputs.quality)

    @cached_property
    def discovery(self) -> pd.DataFrame:
        return _read_csv(self._inputs.discovery)

    @cached_property
    def fidelity_table(self) -> pd.DataFrame:
        return _read_csv(self._inputs.fidelity_table)

    @cached_property
    def training_log(self) -> pd.DataFrame:
        return _read_csv(self._inputs.training_log)

    @cached_property
    def description(self) -> dict:
        return json.loads(Path(self._inputs.description).read_text())

    @cached_property
    def summary(self) -> dict:
        return json.loads(Path(self._inputs.summary).read_text())

    def states(self) -> list[str]:
        """Names of the states, the training state first."""
        training = self.description["training_state"]
        return [training, *(state for state in self.description["states"] if state != training)]


def _read_csv(path: Path) -> pd.DataFrame:
    """A CSV in which only an empty field is missing: a state may be called NA."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
