"""Sample: the frames that a page shows, with their structures, so few that the page stays small.

Generated frames come first: all that are new or in a state that was not trained on, then evenly spaced others; with
each its nearest training frame, on which it is laid. MD and nulls share what is left.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.core.geometry import C, kabsch, superpose
from mdllm.core.records import read_json, write_json, write_npz
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.ensembles.names import MD, MODEL, NULLS
from mdllm.page.structures import Packed

STEP_NM = 0.005  # to which a page rounds coordinates; files of `ensemble/` have 0.001
TRAINING = "training"
_MOST_GENERATED = 5000
_MOST_OTHERS = 2000  # of each other source
_FOR_GENERATED = 0.85  # of all frames, their nearest training frames included
_BITS = 4.4  # of a packed coordinate of most ensembles
_NUMBER_BYTES = 8  # of a number in the table of a page
_KEYS = ["source", "replica", "frame", "sample"]
_OF_NOVELTY = ["nearest_training_frame", "rmsd_nm", "novelty", "new", "cluster"]


@dataclass(frozen=True)
class SampleInputs:
    """Files of the stages before: `frames/`, `ensemble/`, `analysis/` and `novelty/`.

    Attributes:
        topology, trajectory: prepared frames of MD.
        ensembles: structures of the model and of the nulls, by source; rows of `index`.
        cvs, description: variables of every frame, and what the columns are.
        new_frames: how far each is from the training frames.
    """

    topology: Path
    trajectory: Path
    ensembles: dict[str, Path]
    index: Path
    cvs: Path
    description: Path
    new_frames: Path


def sample(inputs: SampleInputs, most_bytes: int, output: Path) -> dict[str, int]:
    """Write `frames.parquet`, `structures.npz` and `about.json` into `output`.

    `structures.npz` holds what `mdllm.page.structures.Packed` does, in steps of `STEP_NM`; frames are the rows of
    `frames.parquet`, whose column `nearest` is the row of the nearest training frame, or -1.

    Args:
        most_bytes: of a page that frames and structures together may take.

    Returns:
        Frames kept, by source.
    """
    residues = open_backbone(inputs.topology).residues
    frames, description = _all_frames(inputs), read_json(inputs.description)
    trained = set(description["training_states"])
    row_bytes = _NUMBER_BYTES * frames.shape[1]
    most = int(most_bytes / (row_bytes + len(residues) * 12 * _BITS / 6))  # base64 holds 6 bits a byte
    while True:
        chosen = choose(frames, trained, most)
        packed = Packed.of(_laid_out(inputs, chosen), STEP_NM)
        size = len(chosen) * row_bytes + len(packed.deflated) * 8 / 6
        if size <= most_bytes:
            break
        most = int(0.98 * len(chosen) * most_bytes / size)
    write_npz(output / "structures.npz", **vars(packed))
    chosen.drop(columns="row").to_parquet(output / "frames.parquet")
    write_json(
        output / "about.json",
        {
            "step_nm": STEP_NM,
            "frames": {source: int(count) for source, count in frames["source"].value_counts().items()},
            "residues": [
                {"chain": residue.atoms[0].chainID, "resid": int(residue.resid), "resname": residue.resname}
                | {"icode": residue.icode.strip()}
                for residue in residues
            ],
        },
    )
    return {source: int(count) for source, count in chosen["source"].value_counts().items()}


def choose(frames: pd.DataFrame, training_states: set[str], most: int) -> pd.DataFrame:
    """At most `most` rows of `frames`, in the order of the table, with the row of the nearest training frame."""
    position = np.arange(len(frames))
    source = frames["source"].to_numpy()
    state = frames["state"].fillna("").to_numpy()
    generated = source == MODEL
    rare = generated & (frames["new"].to_numpy() | ~np.isin(state, ["", *training_states]))
    of_training = pd.Series(position[source == TRAINING], index=frames["frame"][source == TRAINING])
    wanted = min(_MOST_GENERATED, int(generated.sum()))
    while True:
        model = _spread(position[rare], wanted)
        model = np.concatenate([model, _spread(position[generated & ~rare], wanted - len(model))])
        near = np.unique(of_training.loc[frames["nearest_training_frame"].to_numpy()[model]].to_numpy())
        if len(model) + len(near) <= _FOR_GENERATED * most or wanted <= 1:
            break
        wanted = int(0.9 * wanted)
    kept = [model, near]
    left = most - len(model) - len(near)
    others = (TRAINING, MD, *NULLS)
    for number, name in enumerate(others):
        rest = np.setdiff1d(position[source == name], near)
        share = _spread(rest, max(0, min(_MOST_OTHERS, left // (len(others) - number))))
        left -= len(share)
        kept.append(share)
    rows = np.sort(np.concatenate(kept))
    row_of = pd.Series(np.arange(len(rows)), index=rows)
    chosen = frames.iloc[rows].reset_index(drop=True)
    nearest = of_training.reindex(chosen["nearest_training_frame"]).to_numpy()
    chosen["nearest"] = row_of.reindex(nearest).fillna(-1).to_numpy().astype(np.int32)
    chosen.loc[chosen["source"].isin([TRAINING, MD]), "nearest"] = -1
    return chosen.drop(columns="nearest_training_frame")


def _spread(positions: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of `positions`, evenly spaced."""
    if len(positions) <= most:
        return positions
    return positions[np.linspace(0, len(positions) - 1, most).round().astype(int)]


def _all_frames(inputs: SampleInputs) -> pd.DataFrame:
    """Every frame with its variables and what is known of its novelty; `row` is its place in its trajectory."""
    frames, index = pd.read_parquet(inputs.cvs), pd.read_parquet(inputs.index)
    new = pd.read_parquet(inputs.new_frames)[[*_KEYS, *_OF_NOVELTY]]
    index["row"] = index.groupby("source", sort=False).cumcount()
    frames = frames.merge(index[[*_KEYS, "row"]], on=_KEYS, how="left")
    held_out = new[new["source"] == "held_out"].assign(source="md")
    frames = frames.merge(pd.concat([new[new["source"].isin([MODEL, *NULLS])], held_out]), on=_KEYS, how="left")
    is_md = frames["source"] == "md"
    frames.loc[is_md, "row"] = np.arange(is_md.sum())  # not the raw number: not every raw frame is prepared
    frames.loc[is_md & frames["training"], "source"] = TRAINING
    return frames.astype({"row": int}).assign(
        new=frames["new"].eq(True),
        cluster=frames["cluster"].fillna(0).astype(int),
        nearest_training_frame=frames["nearest_training_frame"].fillna(-1).astype(int),
    )


def _laid_out(inputs: SampleInputs, chosen: pd.DataFrame) -> np.ndarray:
    """Backbones (F, L, 4, 3) in nm of the chosen frames, generated ones on their nearest training frame."""
    backbone = _structures(inputs, chosen)
    laid = superpose(backbone, backbone[np.flatnonzero(chosen["source"] == TRAINING)[0]])
    near = chosen["nearest"].to_numpy()
    has = near >= 0
    laid[has] = _laid(laid[has], laid[near[has]])
    return laid


def _structures(inputs: SampleInputs, chosen: pd.DataFrame) -> np.ndarray:
    """Backbones (F, L, 4, 3) in nm of the chosen frames."""
    places = {**inputs.ensembles, TRAINING: inputs.trajectory, MD: inputs.trajectory}
    backbone: np.ndarray | None = None
    for source, rows in chosen.groupby("source").groups.items():
        universe = open_backbone(inputs.topology, places[source])
        part = read_backbone(universe, chosen["row"].to_numpy()[rows])
        if backbone is None:
            backbone = np.empty((len(chosen), *part.shape[1:]), np.float32)
        backbone[rows] = part
    return backbone


def _laid(mobile: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Each frame of `mobile` (F, L, 4, 3) laid on the same one of `target` by N, CA, C."""
    rotation, translation = kabsch(*(x[:, :, : C + 1].reshape(len(x), -1, 3) for x in (mobile, target)))
    return (mobile.reshape(len(mobile), -1, 3) @ rotation + translation[:, None]).reshape(mobile.shape)
