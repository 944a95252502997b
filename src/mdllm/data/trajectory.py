"""Prepare: from raw trajectories to backbone frames with time, segment and state, in one pass and flat memory."""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from mdllm.core.errors import InputError
from mdllm.core.observables import bind
from mdllm.core.states import OUTSIDE
from mdllm.core.system_settings import Observables
from mdllm.core.trajectories import BackboneWriter, backbone_universe, write_topology
from mdllm.data.backbone import BackboneAtoms
from mdllm.data.raw import open_raw

logger = logging.getLogger(__name__)
_CHUNK = 500


def prepare(
    sources: dict,
    *,
    selection: str,
    frame_interval_ps: float | None,
    stride: int,
    observables: Observables,
    output: Path,
) -> dict:
    """Write `backbone.pdb`, `backbone.xtc` and `frames.parquet` into `output`.

    Args:
        sources: what `data.acquire.acquire` returned.
        selection: MDAnalysis selection of the residues to model.
        frame_interval_ps: time between raw frames; None: as the trajectories say.
        stride: keep every n-th raw frame.
        observables: collective variables, states and references that decide the state of a frame.

    The table has a row per kept frame: `frame` (number over all raw files, from 0), `time_ps`, `segment` (contiguous
    stretches: a new file, or a gap in time within one, starts a new segment), `state`, and the collective variables.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: names file, frame and residue; see `data.backbone`. Also if a state holds no frame at all.
    """
    topology = Path(sources["topology"]["path"])
    atoms = BackboneAtoms.select(open_raw(topology), selection, str(topology))
    _report(atoms, topology)
    universe = backbone_universe(atoms.residues)
    bound = bind(universe, observables)
    counts = dict.fromkeys([*observables.states, OUTSIDE], 0)
    total = sum(file["frames"] for file in sources["trajectories"])
    with (
        BackboneWriter(output / "backbone.xtc", universe) as writer,
        _FrameTable(output / "frames.parquet") as table,
        tqdm(total=total, desc="prepare", unit="frame", mininterval=1) as progress,
    ):
        for chunk in _chunks(sources, atoms, stride, frame_interval_ps, progress):
            if not table.rows:
                write_topology(output / "backbone.pdb", universe, chunk["backbone"][0])
            backbone = chunk.pop("backbone")
            values, state = bound.measure(backbone, chunk["frame"])
            for name, number in zip(*np.unique(state, return_counts=True), strict=True):
                counts[str(name)] += int(number)
            writer.write(backbone, chunk["time_ps"])
            table.append({**chunk, "state": state, **values})
    empty = [state for state in observables.states if not counts[state]]
    if empty:
        logger.warning("no frame is in state %s: its region is either unvisited or wrong", ", ".join(empty))
    return {"frames": table.rows, "frames_per_state": counts, "residues": len(atoms.residues)}


def _report(atoms: BackboneAtoms, topology: Path) -> None:
    logger.info("%s: %d residues", topology, len(atoms.residues))
    if atoms.missing_oxygens:
        logger.info("carbonyl O placed by ideal geometry: %s", ", ".join(atoms.missing_oxygens))


def _chunks(sources: dict, atoms: BackboneAtoms, stride: int, frame_interval_ps: float | None, progress):
    """Chunks {frame (F,), time_ps (F,), segment (F,), backbone (F, L, 4, 3)} over all files in order."""
    first_frame, segment = 0, -1
    for source in sources["trajectories"]:
        path = Path(source["path"])
        trajectory = open_raw(Path(sources["topology"]["path"]), path).trajectory
        rows: list[tuple] = []
        last_time, interval = None, None
        read = 0
        for ts in trajectory:
            read += 1
            progress.update()
            if (first_frame + ts.frame) % stride:
                continue
            place = f"{path}, frame {ts.frame}"
            backbone = atoms.cut(ts.positions, ts.dimensions)
            if last_time is None:
                atoms.check(backbone, place)
                for after in atoms.chain_breaks(backbone):
                    logger.info("%s: chain break after residue %s", path, after)
            gap = last_time is None or not _continues(last_time, ts.time, interval)
            if gap and last_time is not None:
                logger.warning("%s: time goes from %g to %g ps; a new segment starts", place, last_time, ts.time)
            interval = None if gap else (interval or ts.time - last_time)
            segment += gap
            last_time = ts.time
            frame = first_frame + ts.frame
            time_ps = ts.time if frame_interval_ps is None else frame * frame_interval_ps
            rows.append((frame, time_ps, segment, backbone, place))
            if len(rows) == _CHUNK:
                yield _stack(rows, atoms)
                rows = []
        if read != source["frames"]:
            raise InputError(f"{path} ends after {read} of {source['frames']} frames; it is truncated or has changed")
        if rows:
            yield _stack(rows, atoms)
        first_frame += read


def _continues(last_time: float, time: float, interval: float | None) -> bool:
    """Whether `time` follows `last_time` at the interval seen so far (any positive one for the second frame)."""
    step = time - last_time
    return step > 0 and (interval is None or abs(step - interval) < 0.01 * interval)


def _stack(rows: list[tuple], atoms: BackboneAtoms) -> dict:
    frames, times, segments, backbones, places = zip(*rows, strict=True)
    backbone = np.stack(backbones)
    atoms.check_finite(backbone, places)
    return {
        "frame": np.array(frames, np.int64),
        "time_ps": np.array(times, np.float64),
        "segment": np.array(segments, np.int32),
        "backbone": backbone,
    }


class _FrameTable:
    """A parquet file written chunk by chunk."""

    def __init__(self, path: Path):
        self._path, self._writer, self.rows = path, None, 0

    def append(self, columns: dict[str, np.ndarray]) -> None:
        table = pa.table({key: pa.array(values) for key, values in columns.items()})
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)
        self.rows += table.num_rows

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._writer is not None:
            self._writer.close()
