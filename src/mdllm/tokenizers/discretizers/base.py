"""The contract of a discretizer, and the frames that it sees.

Axes: F frames, V collective variables, A atoms, K codebook size. To add one, write a module with a subclass of
`Discretizer` and its settings class (derived from `mdllm.config.choices.DiscretizerSettings`), and name the latter in
`DISCRETIZERS` there or in an entry point of the group `mdllm.discretizers`.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.core.trajectories import read_trajectory
from mdllm.observables.collective_variables import column
from mdllm.tokenizers.base import Fitted


@dataclass(frozen=True)
class Frames:
    """Frames of MD or of a model: rows of a table, and atoms where there are any.

    Attributes:
        table: a row per frame, with `state` and a column per collective variable.
        columns: column of each collective variable that the table has, by its key.
        rows: (F,) where each frame stands in the trajectory.
        topology, trajectory: PDB and XTC; None in a model potential, which has no atoms.
    """

    table: pd.DataFrame
    columns: Mapping[str, str]
    rows: np.ndarray
    topology: Path | None = None
    trajectory: Path | None = None

    @classmethod
    def of(cls, table: pd.DataFrame, observables: Observables, atoms: tuple[Path, Path] | None) -> "Frames":
        """All rows of a table whose order is that of the trajectory."""
        columns = {key: column(key, cv) for key, cv in observables.collective_variables.items()}
        columns = {key: name for key, name in columns.items() if name in table}
        return cls(table, columns, np.arange(len(table)), *(atoms or ()))

    def __len__(self) -> int:
        return len(self.table)

    def pick(self, which: np.ndarray) -> "Frames":
        """The frames of a mask or of indices (n,)."""
        return Frames(self.table.iloc[which], self.columns, self.rows[which], self.topology, self.trajectory)

    def variables(self, keys: list[str]) -> np.ndarray:
        """Values (F, V) of collective variables, nm or radian."""
        return self.table[[self.columns[key] for key in keys]].to_numpy(float)

    def states(self) -> np.ndarray:
        """State of each frame, (F,) strings."""
        return self.table["state"].to_numpy(str)

    def coordinates(self, selection: str) -> np.ndarray:
        """Coordinates (F, A, 3) in nm, float32, of the atoms of a selection.

        Raises:
            InputError: the selection cannot be read, or names fewer atoms than a superposition needs.
        """
        universe = mda.Universe(str(self.topology), str(self.trajectory))
        try:
            chosen = universe.select_atoms(selection)
        except mda.SelectionError as error:
            raise InputError(f"tokenizer.selection: MDAnalysis cannot read '{selection}': {error}") from error
        if len(chosen) < 3:
            raise InputError(
                f"tokenizer.selection: '{selection}' matches {len(chosen)} atoms of {self.topology}; an RMSD after "
                "superposition needs 3"
            )
        return read_trajectory(universe, self.rows, chosen)


class Discretizer(Fitted):
    """A fitted, frozen map from frames to one code each, and what stands for each code."""

    @classmethod
    @abstractmethod
    def fit(cls, frames: Frames, settings, observables: Observables, seed: int) -> "Discretizer":
        """Learn from frames of MD; `settings` is its config section."""

    @abstractmethod
    def encode(self, frames: Frames) -> np.ndarray:
        """Codes (F,), int32 in [0, K)."""

    @abstractmethod
    def representatives(self, frames: Frames) -> pd.DataFrame:
        """A row per code: its `state`, where the code itself tells it, or the columns of its collective variables.

        Args:
            frames: those that it was fitted on.
        """
