"""Decode: generated codes back to structures, and the codes of both null models in the same way.

The three ensembles differ only in where their codes come from, so that whatever the tokenizer does to a structure it
does to all of them: `model` is the rollout, `roundtrip` the training frames encoded and decoded, `frequencies` codes
drawn residue by residue from training frequencies.

Axes: F frames, L residues, R replicas, T generated frames of a replica, S samples of a frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mdllm.core.geometry import with_oxygen
from mdllm.core.records import read_npz
from mdllm.core.trajectories import TrajectoryWriter, open_backbone, write_topology
from mdllm.language.frequencies import ResidueFrequencies
from mdllm.language.series import CodeSeries
from mdllm.tokenizers.base import Tokenizer, load_tokenizer

MODEL, ROUNDTRIP, FREQUENCIES = "model", "roundtrip", "frequencies"
_FILES = {MODEL: "ensemble.xtc", ROUNDTRIP: "roundtrip.xtc", FREQUENCIES: "frequencies.xtc"}
_CHUNK = 1000


@dataclass(frozen=True)
class _Codes:
    """Codes (R, T, L) of one ensemble, `frame` (T,) their numbers, and values per generated frame."""

    codes: np.ndarray
    frame: np.ndarray
    interval_ps: float
    columns: dict[str, np.ndarray] = field(default_factory=dict)


def decode_ensembles(
    rollout: Path, codes: Path, tokenizer: Path, topology: Path, samples: int, seed: int, output: Path
) -> dict:
    """Write `topology.pdb`, one XTC per ensemble and the index table `frames.parquet` into `output`.

    Args:
        rollout: `codes` (R, T, L), `log_likelihood` (R, T), `entropy` (R, T), in nats.
        codes: the training codes.
        tokenizer: folder of the fitted tokenizer.
        topology: backbone PDB that names the residues.
        samples: structures per frame; above 1 they are drawn from the tokenizer's uncertainty, as the stochastic
            decoder of MD-LLM-1 does (arXiv 2508.03709, Methods 2.1), else the centre of each code is taken.

    The table has the rows of each XTC in order: source, replica, frame, sample, log_likelihood_nats, entropy_nats
    (empty for the nulls). `frame` is the number of the generated frame, or the raw number of a training frame.

    Returns:
        structures written per ensemble.
    """
    fitted = load_tokenizer(tokenizer)
    tables = []
    for number, (source, part) in enumerate(_ensembles(rollout, codes, seed).items()):
        flat = part.codes.reshape(-1, part.codes.shape[-1])
        rng = np.random.default_rng([seed, number]) if samples > 1 else None
        times = np.repeat(np.tile(part.frame * part.interval_ps, len(part.codes)), samples)
        with (
            TrajectoryWriter(output / _FILES[source]) as writer,
            tqdm(total=len(flat) * samples, desc=f"decode {source}", unit="frame", mininterval=1) as progress,
        ):
            for first, backbone in _structures(fitted, flat, samples, rng):
                if source == MODEL and first == 0:
                    write_topology(output / "topology.pdb", open_backbone(topology), backbone[0])
                writer.write(backbone, times[first : first + len(backbone)])
                progress.update(len(backbone))
        tables.append(_table(source, part, samples))
    pd.concat(tables, ignore_index=True).to_parquet(output / "frames.parquet")
    return {"structures": {table["source"].iloc[0]: len(table) for table in tables}}


def _ensembles(rollout: Path, codes: Path, seed: int) -> dict[str, _Codes]:
    generated, training = read_npz(rollout), CodeSeries.load(codes)
    interval_ps = float(np.nan_to_num(read_npz(codes)["interval_ps"], nan=1.0))  # unknown: times count frames
    replicas, frames, residues = generated["codes"].shape
    drawn = ResidueFrequencies.fit(training.codes, training.codebook_size).sample(
        np.random.default_rng([seed, len(_FILES)]), replicas * frames
    )
    return {
        MODEL: _Codes(
            generated["codes"],
            np.arange(frames),
            interval_ps,
            {
                "log_likelihood_nats": generated["log_likelihood"].ravel(),
                "entropy_nats": generated["entropy"].ravel(),
            },
        ),
        ROUNDTRIP: _Codes(training.codes[None], training.frame, interval_ps),
        FREQUENCIES: _Codes(drawn.reshape(replicas, frames, residues), np.arange(frames), interval_ps),
    }


def _structures(
    tokenizer: Tokenizer, codes: np.ndarray, samples: int, rng: np.random.Generator | None
) -> Iterator[tuple[int, np.ndarray]]:
    """Chunks (row of the first structure, backbone (F S, L, 4, 3) in nm) of codes (F, L), frame by frame."""
    for first in range(0, len(codes), _CHUNK):
        part = np.repeat(codes[first : first + _CHUNK], samples, axis=0)
        yield first * samples, with_oxygen(tokenizer.decode(part, rng))


def _table(source: str, part: _Codes, samples: int) -> pd.DataFrame:
    replicas, frames = part.codes.shape[:2]
    table = pd.DataFrame(
        {
            "source": source,
            "replica": np.repeat(np.arange(replicas), frames),
            "frame": np.tile(part.frame, replicas),
            "log_likelihood_nats": part.columns.get("log_likelihood_nats", np.full(replicas * frames, np.nan)),
            "entropy_nats": part.columns.get("entropy_nats", np.full(replicas * frames, np.nan)),
        }
    )
    table = table.loc[table.index.repeat(samples)].reset_index(drop=True)
    table.insert(3, "sample", np.tile(np.arange(samples), replicas * frames))
    return table
