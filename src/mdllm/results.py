"""The results of one variant in Python: structures, tables, codes, tokenizer and model, opened when they are asked for.

    results = mdllm.load("results/trp_cage/main")
    results.summary["discovery"]["B"]["verdict"]
    results.tables["cvs"].groupby("source")["phi11_rad"].mean()
    results.generated.select_atoms("name CA").positions

Axes: F frames, L residues, R replicas.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import MDAnalysis as mda
import numpy as np
import pandas as pd

from mdllm.config.plan import Plan
from mdllm.config.reading import read_yaml
from mdllm.config.systems import System
from mdllm.core.errors import InputError
from mdllm.core.records import read_json, read_npz
from mdllm.core.trajectories import open_backbone
from mdllm.ensembles.names import FILES, MODEL, NULLS
from mdllm.figures.registry import TABLES
from mdllm.figures.tables import read_table


class Results:
    """What the workflow has made of one variant of a system.

    A stage that a variant shares with another one is read from the folder of the latter.

    Args:
        folder: `results/SYSTEM/VARIANT` of a project.

    Raises:
        InputError: there are no such results.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.system, self.variant = self.folder.resolve().parts[-2:]
        if not (self.folder / "summary.json").is_file():
            known = sorted(str(path.parent) for path in self.folder.parent.parent.glob("*/*/summary.json"))
            raise InputError(f"{self.folder} holds no summary.json; finished are {', '.join(known) or 'none'}")
        self.tables = ResultTables(self)

    def __repr__(self) -> str:
        return f"<results of {self.system}, variant {self.variant}: {', '.join(self.tables)}>"

    @cached_property
    def summary(self) -> dict:
        """Every number that a figure quotes; sections that do not apply are None (docs/results.md)."""
        return read_json(self.folder / "summary.json")

    @cached_property
    def md(self) -> mda.Universe:
        """The prepared frames of MD: N, CA, C, O of every residue, whole; in a later round, with those that joined."""
        return self._universe(self._frames, "trajectory.xtc")

    @cached_property
    def md_frames(self) -> pd.DataFrame:
        """A row for each frame of `md`: number, time, segment, state, and variables that decide these."""
        return pd.read_parquet(self._frames / "frames.parquet")

    @property
    def _frames(self) -> Path:
        own = self.folder / "frames"
        return own if own.is_dir() else self.folder.parent / "frames"

    @cached_property
    def generated(self) -> mda.Universe:
        """What the model has generated, all replicas one after another: rows of `generated_frames`."""
        return self._universe(self.place("decode", "ensemble"), "ensemble.xtc")

    @cached_property
    def generated_frames(self) -> pd.DataFrame:
        """A row for each frame of `generated`: replica, frame, sample."""
        frames = pd.read_parquet(self.place("decode", "ensemble") / "frames.parquet")
        return frames[frames["source"] == MODEL].reset_index(drop=True)

    def null(self, name: str) -> mda.Universe:
        """Structures of a null: `roundtrip` (encode, decode), `frequencies` (codes drawn residue by residue),
        `residue_types` (spans redrawn from the statistics of residue types) or `synonyms` (codes exchanged for
        synonyms).

        Raises:
            InputError: there is no such null.
        """
        if name not in NULLS:
            raise InputError(f"there is no null '{name}'; choose {', '.join(NULLS)}")
        return self._universe(self.place("decode", "ensemble"), FILES[name])

    @cached_property
    def codes(self) -> dict[str, np.ndarray]:
        """Codes (F, L) of the training frames, with the number and segment (F,) of each."""
        return read_npz(self.place("tokenize", "tokens/codes.npz"))

    @cached_property
    def generated_codes(self) -> dict[str, np.ndarray]:
        """Generated codes (R, F, L), with `log_likelihood` and `entropy` (R, F) in nats."""
        return read_npz(self.place("rollout", "rollout/codes.npz"))

    @cached_property
    def tokenizer(self):
        """The fitted tokenizer: `encode` of backbones (F, L, 3, 3) in nm, and `decode` of codes (F, L)."""
        from mdllm.tokenizers.base import load_tokenizer

        return load_tokenizer(self.place("tokenize", "tokens/tokenizer"))

    @cached_property
    def model(self):
        """The trained model, a `transformers.PreTrainedModel` in evaluation mode on the device that is there."""
        from mdllm.models.base import load_model

        return load_model(self.place("train", "model"))

    @property
    def new_structures(self) -> list[Path]:
        """PDB files of the clusters of new frames, and of the training frame nearest to each."""
        return sorted(self.place("novelty", "novelty/structures").glob("*.pdb"))

    def view(self, universe: mda.Universe | None = None):
        """A widget of nglview for a notebook, of `generated` unless another universe is given.

        Raises:
            InputError: nglview is not installed.
        """
        if find_spec("nglview") is None:
            raise InputError("structures are shown by nglview, which is not installed: pip install nglview")
        return import_module("nglview").show_mdanalysis(self.generated if universe is None else universe)

    def place(self, stage: str, path: str) -> Path:
        """Where a file or folder of a stage lies.

        Raises:
            InputError: the stage does not apply to this variant, or has not run.
        """
        own = self.folder / path
        if own.exists():
            return own
        if self._plan is None:
            raise InputError(f"{own} does not exist, and there is no config/ of the project to say who has made it")
        if not self._plan.runs(self.variant, stage):
            raise InputError(f"the stage {stage} does not apply to {self.system}/{self.variant}")
        shared = self.folder.parent / self._plan.provider(self.variant, stage) / path
        if not shared.exists():
            raise InputError(f"{shared} does not exist; run the workflow for {self.system}")
        return shared

    @cached_property
    def _plan(self) -> System | None:
        """The system as the project's config says; None where there is none."""
        config = self.folder.resolve().parents[2] / "config"
        if not (config / "config.yaml").is_file():
            return None
        plan = Plan({**read_yaml(config / "config.yaml"), "only": self.system}, config)
        return plan.systems[self.system]

    @staticmethod
    def _universe(folder: Path, trajectory: str) -> mda.Universe:
        return open_backbone(folder / "topology.pdb", folder / trajectory)


class ResultTables(Mapping):
    """Tables by name: data frames of CSV and parquet files, plain values of JSON files; each read once.

    Those that a variant has, of `mdllm.figures.registry.TABLES`.
    """

    def __init__(self, results: Results):
        self._results, self._read = results, {}

    def __getitem__(self, name: str) -> Any:
        if name not in TABLES:
            raise KeyError(f"there is no table '{name}'; there are {', '.join(self)}")
        if name not in self._read:
            self._read[name] = read_table(self._results.place(*TABLES[name]))
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def __iter__(self) -> Iterator[str]:
        for name, (stage, path) in TABLES.items():
            try:
                self._results.place(stage, path)
            except InputError:  # of a stage that does not apply
                continue
            yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)
