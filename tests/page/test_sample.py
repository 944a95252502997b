"""Which frames a page holds, and whether their structures are those of the trajectories."""

import base64
import zlib

import numpy as np
import pandas as pd
import pytest

from mdllm.core.geometry import rmsd
from mdllm.core.records import read_json, read_npz
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.page.sample import STEP_NM, choose
from mdllm.page.structures import packed


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
    positions = stored["reference"] + STEP_NM * stored["differences"]
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


def test_packed_steps_are_unpacked_to_the_same():
    rng = np.random.default_rng(0)
    steps = rng.integers(-32768, 32768, (7, 5, 4, 3)).astype(np.int16)
    content = packed({"differences": steps, "reference": np.zeros((5, 4, 3), np.float32)}, 0.005)
    raw = np.frombuffer(zlib.decompress(base64.b64decode(content["deflated"])), np.uint8).reshape(2, -1).astype(int)
    number = raw[0] + 256 * raw[1]
    back = np.where(number % 2, -(number + 1) // 2, number // 2)
    assert (back.reshape(steps.shape) == steps).all()
    assert content["frames"] == 7
