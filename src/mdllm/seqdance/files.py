"""Predictions from sequences into files: tables in long format, maps, and on request embeddings and attention maps."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from Bio import SeqIO

from mdllm.analysis.dynamics.properties import PAIR_PROPERTIES, RESIDUE_PROPERTIES, columns
from mdllm.core.errors import InputError
from mdllm.core.records import write_json, write_npz
from mdllm.models.base import chosen_device
from mdllm.seqdance.beside import agreement, read_simulated
from mdllm.seqdance.families import PAIR
from mdllm.seqdance.model import RECORD, Dance, load
from mdllm.seqdance.predict import WINDOW, Prediction, predict
from mdllm.seqdance.released import released_network

# What a model says of RMSF is a share of the largest.
_RELATIVE, _UNIT = ("rmsf_nm", "rmsf_relative"), {"rmsf_nm": "1"}
_RMSF, _GNM = (columns(RESIDUE_PROPERTIES, name) for name in ("rmsf", "gnm"))
_CONTACTS = columns(PAIR_PROPERTIES, "contacts")
RESIDUES, MAPS, SYSTEM = "residues.parquet", "maps", "system"


def read_sequences(given: str) -> dict[str, str]:
    """Sequences by name, of a FASTA file, or the one that is given itself.

    Raises:
        InputError: the file is empty, or two of its sequences have one name.
    """
    path = Path(given)
    if len(given) > 255 or not path.is_file():
        if "/" in given or "." in given:
            raise InputError(f"{given} does not exist; give a FASTA file, or a sequence in one-letter codes")
        return {"sequence": given}
    found: dict[str, str] = {}
    if not path.read_text().lstrip().startswith(">"):
        raise InputError(f"{path} holds no sequence in FASTA format (>NAME, then the sequence)")
    for record in SeqIO.parse(path, "fasta"):
        name = re.sub(r"[^\w.-]", "_", record.id)
        if name in found:
            raise InputError(f"{path}: two sequences are called {name}; rename one")
        found[name] = str(record.seq).rstrip("*")
    return found


def open_model(model: str, sha256: str | None = None, encoder: str | None = None) -> Dance:
    """A model that mdllm trained, by its folder, or released weights, by file, folder or name on the hub.

    Raises:
        InputError: there is none, or `sha256` or `encoder` have no effect on it.
    """
    if (Path(model) / RECORD).is_file():
        for key, value in (("sha256", sha256), ("encoder", encoder)):
            if value is not None:
                raise InputError(f"{key} has no effect on {model}, which mdllm has made; leave it out")
        dance = load(Path(model))
    else:
        dance = Dance(released_network(model, sha256, encoder), {"released": model})
    dance.network.to(chosen_device())
    return dance


def write_predictions(
    sequences: dict[str, str],
    dance: Dance,
    output: Path,
    window: int = WINDOW,
    embeddings: bool = False,
    attention: bool = False,
) -> pd.DataFrame:
    """Predict, and write into `output`.

    `residues.parquet` has a row for each property of each residue: protein, chain (from 1), residue (in its chain, from
    1), letter, property, unit, value; RMSF is relative to the largest of the protein, fluctuation in modes to its
    mean. `maps/NAME.npz` has an array (L, L) for each pair property, contacts as shares of frames, or as counts
    where the model was trained on counts. `embeddings/NAME.npz` and `attention/NAME.npz` hold `embedding` (L, D) and
    `attention` (L, L, A). Properties that the model was not trained on are left out.

    Returns:
        a table of the proteins: protein, residues, chains, windows.

    Raises:
        InputError: `output` holds a prediction; as `predict`.
    """
    if (output / RESIDUES).exists():
        raise InputError(f"{output} exists; nothing is overwritten: name another folder")
    folders = [MAPS, *(["embeddings"] if embeddings else []), *(["attention"] if attention else [])]
    rows, tables = [], []
    for name, made in predict(dance.network, sequences, window, attention):
        for folder in folders:
            (output / folder).mkdir(parents=True, exist_ok=True)
        made.residue[:, ~dance.trained[: len(RESIDUE_PROPERTIES)]] = np.nan
        tables.append(residue_table(name, made.chains, made.residue).dropna(subset="value"))
        pair = made.pair.copy()
        if dance.cube_roots:
            pair[..., _CONTACTS] **= 3
        known = {key: pair[..., i] for i, key in enumerate(PAIR) if dance.trained[len(RESIDUE_PROPERTIES) + i]}
        write_npz(output / MAPS / f"{name}.npz", **known)
        if embeddings:
            write_npz(output / "embeddings" / f"{name}.npz", embedding=made.embedding)
        if attention:
            write_npz(output / "attention" / f"{name}.npz", attention=made.attention.astype(np.float16))
        rows.append(_row(name, made))
    pd.concat(tables).to_parquet(output / RESIDUES, index=False)
    proteins = pd.DataFrame(rows)
    proteins.to_csv(output / "proteins.csv", index=False)
    write_json(output / "prediction.json", {"model": dance.record, "symmetric": dance.symmetric, "window": window})
    return proteins


def write_beside(frames: Path, dance: Dance, output: Path, window: int = WINDOW, **more) -> pd.DataFrame:
    """`write_predictions` of the sequence of a system, called `system`, beside its MD.

    Of MD, `md.parquet` holds what `residues.parquet` does (RMSF in nm as well), `md.npz` its maps, and
    `agreement.csv` says how far both agree, beside elastic networks of its first frame.

    Args:
        frames: results/SYSTEM/frames.
        more: see `write_predictions`.
    """
    md = read_simulated(frames)
    proteins = write_predictions({SYSTEM: md.sequence}, dance, output, window, **more)
    made = pd.read_parquet(output / RESIDUES)
    wide = made.pivot_table(index=["chain", "residue"], columns="property", values="value")
    names = [entry.name.replace(*_RELATIVE) for entry in RESIDUE_PROPERTIES]
    residue = wide.reindex(columns=names).to_numpy()
    pair = np.full(md.pair.shape, np.nan)
    with np.load(output / MAPS / f"{SYSTEM}.npz", allow_pickle=False) as archive:
        for number, key in enumerate(PAIR):
            if key in archive.files:
                pair[..., number] = archive[key]
    agreement(residue, pair, md).to_csv(output / "agreement.csv", index=False)
    rmsf, relative = md.residue[:, _RMSF], md.residue.copy()
    relative[:, _RMSF] /= rmsf.max()
    relative[:, _GNM] /= relative[:, _GNM].mean(0)
    made = residue_table(SYSTEM, md.sequence.split(":"), relative)
    absolute = made[made["property"] == "rmsf_relative"].assign(property="rmsf_nm", unit="nm", value=rmsf[:, 0])
    pd.concat([made, absolute]).dropna(subset="value").to_parquet(output / "md.parquet", index=False)
    known = {key: md.pair[..., i] for i, key in enumerate(PAIR) if np.isfinite(md.pair[..., i]).any()}
    write_npz(output / "md.npz", **known)
    return proteins


def _row(name: str, made: Prediction) -> dict:
    return {
        "protein": name,
        "residues": len(made.residue),
        "chains": len(made.chains),
        "windows": made.windows,
        "sequence": ":".join(made.chains),
    }


def residue_table(name: str, chains: list[str], residue: np.ndarray) -> pd.DataFrame:
    """Residue properties (L, 50) in long format."""
    places = [(c, r, letter) for c, chain in enumerate(chains, 1) for r, letter in enumerate(chain, 1)]
    chain, number, letter = zip(*places, strict=True)
    columns = len(RESIDUE_PROPERTIES)
    return pd.DataFrame(
        {
            "protein": name,
            "chain": np.repeat(chain, columns),
            "residue": np.repeat(number, columns),
            "letter": np.repeat(letter, columns),
            "property": np.tile([entry.name.replace(*_RELATIVE) for entry in RESIDUE_PROPERTIES], len(places)),
            "unit": np.tile([_UNIT.get(entry.name, entry.unit) for entry in RESIDUE_PROPERTIES], len(places)),
            "value": residue.ravel(),
        }
    )
