"""Which frames a page holds, and whether their structures are those of the trajectories."""

import base64
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.core.records import read_json, read_npz
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.page.sample import STEP_NM, choose, sample
from mdllm.page.structures import Packed
from page.conftest import inputs_of


def made(generated: int, training: int, new=(), in_b=()) -> pd.DataFrame:
    """Frames of a model, each nearest to another training frame, and of MD."""
    model = pd.DataFrame({"source": "model", "frame": np.arange(generated), "state": "A", "new": False})
    model["nearest_training_frame"] = 1000 + np.arange(generated) % training
    model.loc[list(new), "new"] = True
    model.loc[list(in_b), "state"] = "B"
    md = pd.DataFrame({"source": "training", "frame": 1000 + np.arange(training), "state": "A", "new": False})
    md["nearest_training_frame"] = -1
    null = pd.DataFrame({"source": "roundtrip", "frame": np.arange(50), "state": "A", "new": False})
    null["nearest_training_frame"] = 1000
    return pd.concat([md, model, null], ignore_index=True)


def test_all_is_kept_where_there_is_room():
    frames = made(100, 20)
    chosen = choose(frames, {"A"}, 10_000)
    assert len(chosen) == len(frames)
    model = chosen[chosen["source"] == "model"]
    nearest = chosen.loc[model["nearest"]]
    assert (nearest["source"] == "training").all()
    assert (nearest["frame"].to_numpy() == 1000 + model["frame"].to_numpy() % 20).all()
    assert (chosen.loc[chosen["source"] == "training", "nearest"] == -1).all()


@pytest.mark.parametrize("most", [100, 300])
def test_rare_frames_come_first_and_nothing_exceeds_the_room(most):
    new, in_b = range(0, 700, 70), range(3, 700, 100)
    chosen = choose(made(700, 40, new, in_b), {"A"}, most)
    model = chosen[chosen["source"] == "model"]
    assert len(chosen) <= most
    assert len(model) >= 0.5 * most
    assert {*new, *in_b} <= set(model["frame"])
    assert (model["nearest"] >= 0).all()
    assert np.diff(model.loc[~model["new"] & (model["state"] == "A"), "frame"]).max() < 30  # evenly spaced
    assert (chosen["source"] == "roundtrip").any()


def test_structures_are_those_of_the_ensemble_on_their_training_frames(run, trp_cage_prepared):
    output = run / "output" / "page"
    frames, stored = pd.read_parquet(output / "frames.parquet"), read_npz(output / "structures.npz")
    positions = STEP_NM * unpacked(Packed(**stored), len(frames))
    model = np.flatnonzero(frames["source"] == "model")
    ensemble = read_backbone(open_backbone(trp_cage_prepared.topology, run / "ensemble.xtc"))
    assert len(model) == len(ensemble) == 320
    assert rmsd(positions[model], ensemble).max() < 0.6 * STEP_NM
    md = np.flatnonzero(frames["source"].isin(["md", "training"]))
    truth = read_backbone(trp_cage_prepared.universe(), frames["frame"].to_numpy()[md])
    assert rmsd(positions[md], truth).max() < 0.6 * STEP_NM
    near = positions[frames["nearest"].to_numpy()[model]]
    apart = np.sqrt(((positions[model] - near)[:, :, :3] ** 2).sum(-1).mean((1, 2)))
    assert np.abs(apart - frames["rmsd_nm"].to_numpy()[model]).max() < STEP_NM
    about = read_json(output / "about.json")
    assert about["frames"]["model"] == 320
    assert [residue["resname"] for residue in about["residues"]][:3] == ["ASN", "LEU", "TYR"]


def unpacked(packed: Packed, frames: int) -> np.ndarray:
    """Steps (F, L, 4, 3): each atom of the chain after what it is told from, one by one."""
    steps = []
    for text in packed.texts():
        low, high = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(2, -1).astype(int)
        number = low + 256 * high
        left = np.where(number % 2, -(number + 1) // 2, number // 2).reshape(-1, *packed.reference.shape)
        for frame in left:
            n, ca, c, o = frame.transpose(1, 0, 2)
            for i in range(len(frame)):
                n[i] += c[i - 1] if i else 0
                ca[i] += n[i]
                c[i] += ca[i]
            for i in range(len(frame)):
                following = n[i + 1] if i + 1 < len(frame) else c[i]
                o[i] += c[i] - np.floor(0.75 * (ca[i] + following - 2 * c[i])).astype(int)
        steps += list(left + packed.reference)
    assert len(steps) == frames
    return np.array(steps)


@pytest.mark.parametrize("frames", [1, 32, 70])
def test_packed_structures_are_unpacked_to_the_same_steps(frames):
    chain = np.cumsum(np.random.default_rng(0).normal(0, 0.3, (frames, 9 * 4, 3)), axis=1).reshape(frames, 9, 4, 3)
    packed = Packed.of(chain, STEP_NM)
    assert (unpacked(packed, frames) == np.round(chain / STEP_NM)).all()


def test_a_structure_that_has_fallen_apart_is_said():
    chain = np.zeros((40, 5, 4, 3))
    chain[35, 2] = 500.0
    with pytest.raises(InputError, match=r"frame 35 of the page: an atom lies \d+ nm"):
        Packed.of(chain, STEP_NM)


def test_less_room_means_fewer_frames_and_no_more_bytes(run, trp_cage_prepared, tmp_path):
    room = {}
    for most in (60_000, 200_000):
        kept = sample(inputs_of(run, trp_cage_prepared), most, tmp_path)
        rows, stored = pd.read_parquet(tmp_path / "frames.parquet"), read_npz(tmp_path / "structures.npz")
        assert len(rows) == sum(kept.values())
        room[most] = len(stored["deflated"]) * 4 / 3
        assert 0.5 * most < room[most] + 80 * len(rows) < 1.3 * most
        assert room[most] < most
    assert room[200_000] > 2 * room[60_000]


def test_where_raw_frames_are_left_out_structures_are_those_of_the_prepared_ones(run, trp_cage_prepared, tmp_path):
    """Raw numbers that differ from places in the prepared trajectory, as with a stride or ranges of frames."""
    inputs = inputs_of(run, trp_cage_prepared)
    first = 1000
    cvs, new = pd.read_parquet(inputs.cvs), pd.read_parquet(inputs.new_frames)
    cvs.loc[cvs["source"] == "md", "frame"] += first
    new.loc[new["source"] == "held_out", "frame"] += first
    new["nearest_training_frame"] += first
    cvs.to_parquet(tmp_path / "cvs.parquet")
    new.to_parquet(tmp_path / "new.parquet")
    sample(replace(inputs, cvs=tmp_path / "cvs.parquet", new_frames=tmp_path / "new.parquet"), 2_000_000, tmp_path)
    frames, stored = pd.read_parquet(tmp_path / "frames.parquet"), read_npz(tmp_path / "structures.npz")
    positions = STEP_NM * unpacked(Packed(**stored), len(frames))
    md = np.flatnonzero(frames["source"].isin(["md", "training"]))
    truth = read_backbone(trp_cage_prepared.universe(), frames["frame"].to_numpy()[md] - first)
    assert rmsd(positions[md], truth).max() < 0.6 * STEP_NM
