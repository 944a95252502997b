"""Decode: generated codes back to structures, and the codes of the nulls in the same way.

The ensembles differ only in where their codes come from, so that whatever the tokenizer does to a structure it does to
all of them: `model` is the rollout, `roundtrip` the training frames encoded and decoded, `frequencies` codes drawn
residue by residue from training frequencies, `residue_types` training frames in which spans were redrawn from the
statistics of residue types (`mdllm.ensembles.redraw`), encoded and decoded, `synonyms` training frames whose codes were
exchanged for synonyms (`mdllm.ensembles.synonyms`).

Where the model is a base, it, `frequencies` and `residue_types` are structures already, all made in the same way, and
are taken as they are.

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
from mdllm.ensembles.names import FILES, FREQUENCIES, LIKELIHOODS, MODEL, RESIDUE_TYPES, ROUNDTRIP, SYNONYMS
from mdllm.ensembles.sources import EXTRA_COLUMNS
from mdllm.ensembles.synonyms import Synonyms
from mdllm.language.frequencies import ResidueFrequencies
from mdllm.language.series import CodeSeries
from mdllm.tokenizers.base import Tokenizer, load_tokenizer

_CHUNK = 1000
_OF_FREQUENCIES, _OF_SYNONYMS = 3, 4  # streams of random numbers


@dataclass(frozen=True)
class _Ensemble:
    """Codes (R, T, L), or backbones (R, T, L, 3, 3) in nm; `frame` (T,) numbers them, `columns` are values of each."""

    content: np.ndarray
    frame: np.ndarray
    interval_ps: float
    columns: dict[str, np.ndarray] = field(default_factory=dict)


def decode_ensembles(
    rollout: Path | None,
    redrawn: Path,
    codes: Path,
    tokenizer: Path,
    topology: Path,
    samples: int,
    seed: int,
    output: Path,
) -> dict:
    """Write `topology.pdb`, one XTC per ensemble and the index table `frames.parquet` into `output`.

    Args:
        rollout: `codes` (R, T, L), `log_likelihood` (R, T), `entropy` (R, T), in nats; None: the model is a base.
        redrawn: `structures.npz` of `mdllm.ensembles.redraw.redraw`.
        codes: the training codes.
        tokenizer: folder of the fitted tokenizer.
        topology: backbone PDB that names the residues.
        samples: structures per frame; above 1 they are drawn from the tokenizer's uncertainty, as the stochastic
            decoder of MD-LLM-1 does (arXiv 2508.03709, Methods 2.1), else the centre of each code is taken.

    The table has the rows of each XTC in order: source, replica, frame, sample, log_likelihood_nats and entropy_nats
    (empty for the nulls), and of a product of a base and its tuned copy log_likelihood_base_nats and
    log_likelihood_tuned_nats, of the same codes under each of them alone (else empty); where the entropy of frames is
    held also the `temperature` of each. `frame` is the number of the generated frame, or the raw number of a training
    frame.

    Returns:
        structures written per ensemble.
    """
    fitted = load_tokenizer(tokenizer)
    tables = []
    ensembles = _ensembles(rollout, redrawn, fitted, codes, seed)
    columns = list(dict.fromkeys([*EXTRA_COLUMNS, *ensembles[MODEL].columns]))
    for number, (source, part) in enumerate(ensembles.items()):
        replicas, frames = part.content.shape[:2]
        flat = part.content.reshape(replicas * frames, *part.content.shape[2:])
        rng = np.random.default_rng([seed, number]) if samples > 1 else None
        times = np.repeat(np.tile(part.frame * part.interval_ps, replicas), samples)
        with (
            TrajectoryWriter(output / FILES[source]) as writer,
            tqdm(total=len(flat) * samples, desc=f"decode {source}", unit="frame", mininterval=1) as progress,
        ):
            for first, backbone in _structures(fitted, flat, samples, rng):
                if source == MODEL and first == 0:
                    write_topology(output / "topology.pdb", open_backbone(topology), backbone[0])
                writer.write(backbone, times[first : first + len(backbone)])
                progress.update(len(backbone))
        tables.append(_table(source, part, samples, columns))
    pd.concat(tables, ignore_index=True).to_parquet(output / "frames.parquet")
    return {"structures": {table["source"].iloc[0]: len(table) for table in tables}}


def _ensembles(
    rollout: Path | None, redrawn: Path, tokenizer: Tokenizer, codes: Path, seed: int
) -> dict[str, _Ensemble]:
    training, structures = CodeSeries.load(codes), read_npz(redrawn)
    generated = structures if rollout is None else read_npz(rollout)
    interval_ps = float(np.nan_to_num(read_npz(codes)["interval_ps"], nan=1.0))  # unknown: times count frames

    def numbered(content: np.ndarray, columns: dict[str, np.ndarray] | None = None) -> _Ensemble:
        return _Ensemble(content, np.arange(content.shape[1]), interval_ps, columns or {})

    values = {f"{key}_nats": generated[key].ravel() for key in (*LIKELIHOODS, "entropy") if key in generated}
    values |= {key: generated[key].ravel() for key in ("temperature",) if key in generated}
    kept = _Ensemble(training.codes[None], training.frame, interval_ps)
    shape = generated["log_likelihood"].shape + training.codes.shape[1:]
    rng = np.random.default_rng([seed, _OF_SYNONYMS])
    known = Synonyms.fit(tokenizer, training.codes, rng)
    of_frames = training.codes[rng.integers(len(training.codes), size=shape[0] * shape[1])]
    synonyms = numbered(known.exchanged(of_frames, rng).reshape(shape))
    if rollout is None:
        return {
            MODEL: numbered(structures[MODEL], values),
            ROUNDTRIP: kept,
            FREQUENCIES: numbered(structures[FREQUENCIES]),
            RESIDUE_TYPES: numbered(structures[RESIDUE_TYPES]),
            SYNONYMS: synonyms,
        }
    drawn = ResidueFrequencies.fit(training.codes, training.codebook_size).sample(
        np.random.default_rng([seed, _OF_FREQUENCIES]), shape[0] * shape[1]
    )
    null = structures[RESIDUE_TYPES]
    coded = tokenizer.encode(null.reshape(-1, *null.shape[2:]).astype(float))
    return {
        MODEL: numbered(generated["codes"], values),
        ROUNDTRIP: kept,
        FREQUENCIES: numbered(drawn.reshape(shape)),
        RESIDUE_TYPES: numbered(coded.reshape(null.shape[:3])),
        SYNONYMS: synonyms,
    }


def _structures(
    tokenizer: Tokenizer, content: np.ndarray, samples: int, rng: np.random.Generator | None
) -> Iterator[tuple[int, np.ndarray]]:
    """Chunks (row of the first structure, backbone (F S, L, 4, 3) in nm) of codes (F, L), or of backbones."""
    for first in range(0, len(content), _CHUNK):
        part = np.repeat(content[first : first + _CHUNK], samples, axis=0)
        yield first * samples, with_oxygen(tokenizer.decode(part, rng) if part.ndim == 2 else part)


def _table(source: str, part: _Ensemble, samples: int, columns: list[str]) -> pd.DataFrame:
    replicas, frames = part.content.shape[:2]
    table = pd.DataFrame(
        {
            "source": source,
            "replica": np.repeat(np.arange(replicas), frames),
            "frame": np.tile(part.frame, replicas),
            **{name: part.columns.get(name, np.full(replicas * frames, np.nan)) for name in columns},
        }
    )
    table = table.loc[table.index.repeat(samples)].reset_index(drop=True)
    table.insert(3, "sample", np.tile(np.arange(samples), replicas * frames))
    return table
