"""Collect: many proteins from many sources into shards, clusters and splits, in flat memory."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from mdllm.collections.proteins import Protein, check_names, common_residues
from mdllm.collections.shards import ShardWriter
from mdllm.collections.similarity import Pair, method, similar_pairs
from mdllm.collections.splits import LEFT_OUT, TRAIN, VALIDATION, cluster, split
from mdllm.config.settings.collection import CollectionSettings
from mdllm.core.errors import InputError

logger = logging.getLogger(__name__)
_SEGMENTS = pa.schema(
    [
        ("segment", pa.string()),
        ("protein", pa.string()),
        ("shard", pa.int32()),
        ("frames", pa.int64()),
        ("interval_ps", pa.float64()),
        ("temperature_k", pa.float64()),
        ("replica", pa.string()),
        ("source", pa.string()),
        ("label", pa.string()),
        ("bonded", pa.list_(pa.bool_())),
    ]
)


def collect(
    settings: CollectionSettings,
    *,
    systems: Mapping[str, list[str] | None],
    evaluations: Mapping[str, Path],
    cache: Path,
    work_folder: Path,
    output: Path,
    threads: int = 1,
) -> dict:
    """Write `proteins.parquet`, `segments.parquet`, `shards/` and `left_out.csv` into `output`.

    All files are found or fetched, and all names compared, before any frame is read.

    Args:
        systems: sequences, one of each chain, by system, of those that training must not see; None: not known.
        evaluations: `proteins.parquet` of the collections that training must not see.
        work_folder: where whole shards of an interrupted run lie; belongs to exactly these arguments.
        threads: that compare sequences.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: names the file, frame, residue or protein.
    """
    proteins = [protein for source in settings.sources for protein in source.load()(source, cache)]
    check_names(proteins)
    if unknown := [name for name, sequences in systems.items() if sequences is None]:
        logger.warning(
            "these systems have no `sequence` in config/systems, so that nothing alike is left out: %s",
            ", ".join(unknown),
        )
    rows, shards = _write_shards(proteins, settings, work_folder)
    taken = {name: row for name, row in rows.items() if row["segments"]}
    if not taken:
        raise InputError(f"none of {len(rows)} proteins has {settings.shortest} to {settings.longest} residues")
    table = pd.DataFrame(
        {
            "protein": list(taken),
            "sequence": [row["sequence"] for row in taken.values()],
            "residues": [len(row["sequence"]) for row in taken.values()],
            "conformers": [len(row["segments"]) for row in taken.values()],
            "frames": [sum(segment["frames"] for segment in row["segments"]) for row in taken.values()],
        }
    )
    nearest = _compare(table, settings, _held_out(systems, evaluations), work_folder, threads)
    table.to_parquet(output / "proteins.parquet", index=False)
    _write_segments(output / "segments.parquet", taken)
    left = pd.DataFrame(nearest, columns=["protein", "nearest", "identity"])
    left.to_csv(output / "left_out.csv", index=False, float_format="%.3f")
    (output / "shards").mkdir(parents=True, exist_ok=True)
    for shard in shards:
        os.replace(shard, output / "shards" / shard.name)
    counts = table["split"].value_counts()
    return {
        "proteins": len(table),
        "segments": int(table["conformers"].sum()),
        "frames": int(table["frames"].sum()),
        "clusters": int(table["cluster"].nunique()),
        **{name: int(counts.get(name, 0)) for name in (TRAIN, VALIDATION, LEFT_OUT)},
        "too_short_or_long": len(rows) - len(taken),
        "compared_by": method(),
        "fetched_sha256": {protein.source: protein.checksum for protein in proteins if protein.checksum},
    }


def _write_shards(
    proteins: list[Protein], settings: CollectionSettings, work_folder: Path
) -> tuple[dict[str, dict], list[Path]]:
    """The rows of all proteins by name, and the shards that hold their frames."""
    writer = ShardWriter(work_folder, settings.shard_mb)
    if writer.rows:
        logger.info("%d of %d proteins are in whole shards already", len(writer.rows), len(proteins))
    todo = [protein for protein in proteins if protein.name not in writer.rows]
    for number, protein in enumerate(tqdm(todo, desc="collect", unit="protein", mininterval=1)):
        runs = protein.open()
        sequence, kept = common_residues(protein.name, runs)
        if settings.shortest <= len(sequence) <= settings.longest:
            writer.add(protein, runs, sequence, kept)
        else:
            logger.warning(
                "%s: left out, its %d residues are not %d to %d",
                *(protein.name, len(sequence), settings.shortest, settings.longest),
            )
            writer.skip(protein, sequence)
        if (number + 1) % 100 == 0:
            logger.info("%d of %d proteins are read", number + 1, len(todo))
    shards = writer.close()
    return writer.rows, shards


def _write_segments(path: Path, rows: Mapping[str, dict]) -> None:
    """The table of segments, a protein at a time: `bonded` is as long as the protein."""
    with pq.ParquetWriter(path, _SEGMENTS) as writer:
        for row in rows.values():
            bonded = np.ones((len(row["segments"]), len(row["sequence"]) - 1), bool)
            for one, segment in zip(bonded, row["segments"], strict=True):
                one[segment["breaks"]] = False
            table = [{**segment, "bonded": one} for segment, one in zip(row["segments"], bonded, strict=True)]
            writer.write_table(pa.Table.from_pylist(table, _SEGMENTS))


def _held_out(systems: Mapping[str, list[str] | None], evaluations: Mapping[str, Path]) -> dict[str, str]:
    """Sequences by name of all that training must not see."""
    found = {
        f"system {name}" + (f", chain {number + 1}" if len(sequences) > 1 else ""): sequence
        for name, sequences in systems.items()
        if sequences is not None
        for number, sequence in enumerate(sequences)
    }
    for name, path in evaluations.items():
        known = pd.read_parquet(path, columns=["protein", "sequence"])
        found |= {f"{name}: {row.protein}": row.sequence for row in known.itertuples()}
    return found


def _compare(
    table: pd.DataFrame, settings: CollectionSettings, held_out: dict[str, str], scratch: Path, threads: int
) -> list[Pair]:
    """Add `cluster` and `split` to the table; returns what is left out, each with what it is most alike to."""
    sequences = dict(zip(table["protein"], table["sequence"], strict=True))
    logger.info("%d sequences are compared by %s", len(sequences) + len(held_out), method())
    table["cluster"] = cluster(list(sequences), similar_pairs(sequences, None, settings.identity, scratch, threads))
    nearest: dict[str, Pair] = {}
    for pair in similar_pairs(sequences, held_out, settings.identity, scratch, threads) if held_out else []:
        if pair.first not in nearest or pair.identity > nearest[pair.first].identity:
            nearest[pair.first] = pair
    left_out = np.array([name in nearest for name in sequences])
    table["split"] = split(table["cluster"].to_numpy(), left_out, settings.validation_share, settings.seed)
    return [nearest[name] for name in sequences if name in nearest]
