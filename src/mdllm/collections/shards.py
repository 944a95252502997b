"""Shards: files of safetensors, one tensor `backbone` (F, L, 4, 3) in nm, float32, for each segment.

A shard is written frame by frame: its data go to a file, and its header, which must know their lengths, is put before
them when it is full. Shards end between proteins, so that an interrupted collection goes on after the last whole one.
"""

import json
import shutil
import struct
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from mdllm.collections.proteins import Chunk, Protein, Run
from mdllm.core.geometry import peptide_bonds
from mdllm.core.records import read_json, replacing, write_json

_MB = 10**6


def shard_name(number: int) -> str:
    return f"{number:05d}.safetensors"


class ShardWriter:
    """Writes proteins into shards of a folder, in order.

    Attributes:
        rows: of each protein that is in a whole shard, as `add` made them, by name.

    Args:
        folder: kept between runs; whole shards that are there are taken up.
        shard_mb: a shard ends with the protein that fills it to this size.
    """

    def __init__(self, folder: Path, shard_mb: float):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._limit = folder, shard_mb * _MB
        self.rows: dict[str, dict] = {}
        self._number = 0
        while self._record.is_file() and (folder / shard_name(self._number)).is_file():
            self.rows |= read_json(self._record)
            self._number += 1
        self._begin()

    @property
    def _record(self) -> Path:
        return self._folder / f"{self._number:05d}.json"

    def _begin(self) -> None:
        self._data = open(self._folder / "data", "wb")  # noqa: SIM115
        self._header: dict[str, dict] = {}
        self._new: dict[str, dict] = {}

    def add(self, protein: Protein, runs: list[Run], sequence: str, kept: list[np.ndarray]) -> None:
        """Write the residues that all runs of a protein have.

        Args:
            sequence: of these residues (L).
            kept: their indices (L,) among those of each run.

        Raises:
            InputError: a frame is damaged.
        """
        segments = []
        for run, residues in zip(runs, kept, strict=True):
            for chunks in _by_segment(run.chunks()):
                key = f"{protein.name}/{len(segments)}"
                frames, bonded = self._write(key, chunks, residues)
                segments.append(
                    {
                        "segment": key,
                        "protein": protein.name,
                        "shard": self._number,
                        "frames": frames,
                        "interval_ps": run.interval_ps,
                        "temperature_k": run.temperature_k,
                        "replica": run.replica,
                        "source": protein.source,
                        "label": run.label,
                        "breaks": np.flatnonzero(~bonded).tolist(),
                    }
                )
        self._new[protein.name] = {"sequence": sequence, "segments": segments}
        if self._data.tell() >= self._limit:
            self._end()
            self._begin()

    def skip(self, protein: Protein, sequence: str) -> None:
        """Note that a protein is not taken, and why not: its chain of this sequence is too short or too long."""
        self._new[protein.name] = {"sequence": sequence, "segments": []}

    def close(self) -> list[Path]:
        """End the last shard; returns all of them."""
        if self._new:
            self._end()
        else:
            self._data.close()
        (self._folder / "data").unlink()
        return [self._folder / shard_name(number) for number in range(self._number)]

    def _write(self, key: str, chunks: Iterable[np.ndarray], residues: np.ndarray) -> tuple[int, np.ndarray]:
        """Append a segment; returns its frames, and whether residues are bound to the next in all of them (L - 1,)."""
        start, frames = self._data.tell(), 0
        bonded = np.ones(len(residues) - 1, bool)
        for chunk in chunks:
            backbone = np.ascontiguousarray(chunk[:, residues], "<f4")
            bonded &= peptide_bonds(backbone).all(0)
            frames += len(backbone)
            self._data.write(backbone.data)
        self._header[key] = {
            "dtype": "F32",
            "shape": [frames, len(residues), 4, 3],
            "data_offsets": [start, self._data.tell()],
        }
        return frames, bonded

    def _end(self) -> None:
        """Make a shard of what has been written, and then its record."""
        self._data.close()
        header = json.dumps(self._header).encode()
        header += b" " * (-len(header) % 8)
        with (
            replacing(self._folder / shard_name(self._number)) as temporary,
            open(temporary, "wb") as shard,
            open(self._folder / "data", "rb") as data,
        ):
            shard.write(struct.pack("<Q", len(header)) + header)
            shutil.copyfileobj(data, shard, 16 * _MB)
        write_json(self._record, self._new)
        self.rows |= self._new
        self._number += 1


def open_shard(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a shard by segment, float32, mapped into memory: what is not looked at is not read."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    numbers = np.memmap(path, "<f4", "r", 8 + length)  # once: files that are mapped at a time are few
    return {
        key: numbers[slice(*(offset // 4 for offset in entry["data_offsets"]))].reshape(entry["shape"])
        for key, entry in header.items()
    }


def _by_segment(chunks: Iterator[Chunk]) -> Iterator[Iterator[np.ndarray]]:
    """The chunks of one segment after the other; each must be read before the next."""
    for _, group in groupby(chunks, key=lambda chunk: chunk[0]):
        yield (backbone for _, backbone in group)
