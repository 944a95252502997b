"""The ensembles that are compared, as streams: MD, the model, and the nulls (`mdllm.ensembles.names`).

Axes: F frames, L residues.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd

from mdllm.core.errors import InputError
from mdllm.core.trajectories import iterate_backbone, open_backbone, read_backbone
from mdllm.ensembles.names import FILES, GENERATED, LIKELIHOODS, MD
from mdllm.prepare.training_set import JOINED

INDEX_COLUMNS = ["source", "replica", "frame", "sample", "time_ps", "segment", JOINED, "training", "state"]
EXTRA_COLUMNS = [f"{name}_nats" for name in (*LIKELIHOODS, "entropy")]


@dataclass(frozen=True)
class Ensemble:
    """A trajectory and the table of its frames, row by row in the trajectory's order.

    Attributes:
        table: INDEX_COLUMNS and EXTRA_COLUMNS; of md also the variables that prepare measured. `frame` is the raw frame
            of md and roundtrip, and counts from 0 at the first generated frame otherwise; `time_ps` and `segment` are
            those of the raw frame (NaN and -1 for generated frames); `round` is 0 but for frames of MD that joined the
            training frames after that round of proposals (`mdllm.verification.rounds`); `replica` is 0 where there are
            none. `state` is that of the stage prepare, empty for decoded frames, whose state is still to be measured.
    """

    source: str
    universe: mda.Universe
    table: pd.DataFrame

    def stream(self) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        """Chunks (rows of the table, backbone (F, L, 4, 3) in nm)."""
        for index, backbone in iterate_backbone(self.universe):
            yield self.table.iloc[index], backbone

    def pick(self, rows: np.ndarray) -> np.ndarray:
        """Backbone (F, L, 4, 3) in nm of the given rows."""
        return read_backbone(self.universe, rows)


def ensemble_files(folder: Path) -> dict[str, Path]:
    """The trajectory of each source in the folder of the stage decode."""
    return {source: Path(folder, name) for source, name in FILES.items()}


def file_of_losses(made: Path) -> Path:
    """`training.json` in the folder of a trained model, or the record of a base, which is a file."""
    return made / "training.json" if made.is_dir() else made


def open_ensembles(
    topology: Path,
    md: tuple[Path, Path],
    index: Path,
    trajectories: dict[str, Path],
    training_frames: np.ndarray,
) -> dict[str, Ensemble]:
    """Ensembles by source.

    Args:
        topology: backbone PDB, common to all.
        md: trajectory and table `frames.parquet` of the stage prepare.
        index: table `frames.parquet` of the stage decode.
        trajectories: XTC of each decoded source.
        training_frames: (F,) raw numbers of the training frames.

    Raises:
        InputError: a table and its trajectory differ in length.
    """
    frames = pd.read_parquet(md[1])
    frames = frames.assign(
        **{"source": MD, "replica": 0, "sample": 0, JOINED: frames.get(JOINED, 0)},
        **{"training": frames["frame"].isin(training_frames), **dict.fromkeys(EXTRA_COLUMNS)},
    )
    decoded = pd.read_parquet(index)
    of_frame = frames.set_index("frame")[["time_ps", "segment"]]
    generated = decoded["source"].isin(GENERATED)
    raw = of_frame.reindex(decoded["frame"].where(~generated))
    decoded = decoded.assign(
        time_ps=raw["time_ps"].to_numpy(),
        segment=raw["segment"].fillna(-1).astype(int).to_numpy(),
        **{JOINED: 0, "training": False, "state": ""},
    )
    tables = {MD: frames, **{source: decoded[decoded["source"] == source] for source in trajectories}}
    result = {}
    for source, path in {MD: md[0], **trajectories}.items():
        universe = open_backbone(topology, path)
        of_md = [name for name in frames.columns if name not in decoded.columns] if source == MD else []
        table = tables[source].reset_index(drop=True)[INDEX_COLUMNS + EXTRA_COLUMNS + of_md]
        table = table.astype(dict.fromkeys(EXTRA_COLUMNS, float))
        if len(table) != len(universe.trajectory):
            raise InputError(
                f"{path} holds {len(universe.trajectory)} frames and its table has {len(table)} rows; run the stage "
                "that made them again"
            )
        result[source] = Ensemble(source, universe, table)
    return result


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of `rows`, evenly spread from first to last."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]
