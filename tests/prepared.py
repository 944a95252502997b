"""Prepared frames of the demo trajectory for tests of the later stages."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mdllm.config.reading import read_yaml
from mdllm.config.settings.system import Observables, SystemSettings, TrainingSet
from mdllm.core.trajectories import open_backbone
from mdllm.observables.bound import BoundObservables, bind
from mdllm.prepare.run import prepare
from mdllm.prepare.training_set import TrainingFrames, select_training_frames
from mdllm.sources.acquire import acquire
from mdllm.sources.files import FilesSource

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Prepared:
    folder: Path
    system: SystemSettings
    frames: pd.DataFrame

    @property
    def topology(self) -> Path:
        return self.folder / "topology.pdb"

    @property
    def trajectory(self) -> Path:
        return self.folder / "trajectory.xtc"

    def universe(self):
        return open_backbone(self.topology, self.trajectory)

    def training(self, state: str, *ranges: tuple[int, int]) -> TrainingFrames:
        return select_training_frames(self.frames, TrainingSet(state=state, frames=ranges))

    def bound(self) -> BoundObservables:
        return bind(self.universe(), self.observables)

    @property
    def observables(self) -> Observables:
        return Observables.model_validate(self.system.model_dump(include=set(Observables.model_fields)))


def trp_cage() -> SystemSettings:
    return SystemSettings.model_validate(read_yaml(ROOT / "config" / "systems" / "trp_cage.yaml"))


def prepare_trp_cage(folder: Path, files: tuple[Path, Path]) -> None:
    """Every frame of the demo trajectory, prepared in `folder`."""
    system = trp_cage()
    source = FilesSource(type="files", topology=str(files[0]), trajectories=[str(files[1])])
    prepare(
        acquire(source, folder),
        residues=system.selection,
        atoms=None,
        frame_interval_ps=None,
        stride=1,
        observables=system.with_only(system.variables_of_states()),
        output=folder,
    )


def prepared_in(folder: Path) -> Prepared:
    """What `prepare_trp_cage` has left."""
    return Prepared(folder, trp_cage(), pd.read_parquet(folder / "frames.parquet"))
