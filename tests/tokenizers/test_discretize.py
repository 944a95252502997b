"""One code per frame: the codes of MD, and what each stands for."""

import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.kinetics.discrete import of_md
from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.core.records import read_npz
from mdllm.language.series import CodeSeries
from mdllm.tokenizers.discretizers.settings import BinsSettings, NumbersSettings, StatesSettings
from mdllm.tokenizers.tokenize import tokenize

FRAMES = pd.DataFrame(
    {
        "frame": np.arange(12),
        "time_ps": np.tile(np.float32(0.1) * np.arange(1, 7), 2),
        "segment": np.repeat([0, 1], 6),
        "state": np.tile(["low", "low", "high", "high", "none", "low"], 2),
        "psi_rad": np.tile([-2.0, -1.0, 1.0, 2.0, 2.1, -2.1], 2),
    }
)
VARIABLES = {"psi": {"type": "psi", "residue": 2}, "phi": {"type": "phi", "residue": 2}}
STATES = {"low": {"psi": [-3.2, 0]}, "high": {"psi": [0, 3.2]}}


def run(folder, states=STATES, settings=None, frames=FRAMES, **changes):
    frames.to_parquet(folder / "frames.parquet")
    chosen = settings or BinsSettings(**{"name": "bins", "variable": "psi", "bins": 4, **changes})
    observables = Observables.model_validate({"collective_variables": VARIABLES, "states": states})
    content = observables.model_dump(mode="json")
    return tokenize({"frames": folder / "frames.parquet"}, chosen, 0, folder, observables=content)


def test_codes_and_codebook(tmp_path):
    assert run(tmp_path)["codes_used"] == 4
    codes = read_npz(tmp_path / "codes.npz")
    assert codes["codes"][:6, 0].tolist() == [0, 1, 2, 3, 3, 0]
    assert codes["codes"].shape == (12, 1)
    assert codes["interval_ps"] == 0.1
    assert codes["codebook_size"] == 4
    book = pd.read_csv(tmp_path / "tokenizer" / "codebook.csv")
    assert book["state"].tolist() == ["low", "low", "high", "high"]
    assert book["count"].tolist() == [4, 2, 2, 4]
    assert book["psi_rad"].to_numpy() == pytest.approx(np.pi * np.array([-3, -1, 1, 3]) / 4)


def test_named_states_are_codes_of_themselves(tmp_path):
    run(tmp_path, settings=StatesSettings(name="states"))
    assert read_npz(tmp_path / "codes.npz")["codes"][:6, 0].tolist() == [0, 0, 1, 1, 2, 0]
    book = pd.read_csv(tmp_path / "tokenizer" / "codebook.csv", keep_default_na=False)
    assert book["state"].tolist() == ["low", "high", "none"]
    assert book["count"].tolist() == [6, 4, 2]


def test_a_stride_takes_every_nth_frame_of_each_segment(tmp_path):
    run(tmp_path, stride=4)
    codes = read_npz(tmp_path / "codes.npz")
    assert codes["frame"].tolist() == [0, 4, 6, 10]
    assert codes["interval_ps"] == pytest.approx(0.4)


def test_a_state_without_a_code_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"states.never: no frame has a code in this state"):
        run(tmp_path, states={"low": {"psi": [-3.2, 0]}, "never": {"psi": [0, 0.5]}})


def test_frames_that_do_not_follow_each_other_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"has 2 frame\(s\), none of which follows another"):
        run(tmp_path, frames=FRAMES.iloc[[0, 8]].reset_index(drop=True), states={"low": STATES["low"]})


def test_models_learn_from_the_training_set_alone_and_codes_are_those_of_all_frames(tmp_path):
    FRAMES.to_parquet(tmp_path / "frames.parquet")
    content = Observables.model_validate({"collective_variables": VARIABLES, "states": STATES}).model_dump(mode="json")
    bins = BinsSettings(name="bins", variable="psi", bins=4)
    chosen = {"frames": [[0, 4], [8, 11]], "piece_frames": 2}
    counts = tokenize(
        {"frames": tmp_path / "frames.parquet"}, bins, 0, tmp_path, training_set=chosen, observables=content
    )
    assert (counts["frames"], counts["training_frames"], counts["pieces"]) == (12, 8, 4)
    codes = read_npz(tmp_path / "codes.npz")
    assert codes["codes"].shape == (12, 1)
    assert codes["training"].tolist() == [0, 0, 1, 1, -1, -1, -1, -1, 2, 2, 3, 3]
    learned = CodeSeries.load(tmp_path / "codes.npz")
    assert learned.frame.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert learned.stretches().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert learned.codes[:, 0].tolist() == codes["codes"][[0, 1, 2, 3, 8, 9, 10, 11], 0].tolist()
    assert of_md(codes, 2).lengths.tolist() == [6, 6]


def test_numbers_are_codes_in_their_order_however_far_apart(tmp_path):
    frames = FRAMES.drop(columns="psi_rad").assign(
        number=[7.0, 7, 400, 400, 3, 3] * 2, state=["u", "u", "f", "f", "n", "n"] * 2
    )
    content = {
        "collective_variables": {"number": {"type": "number"}},
        "states": {"u": {"number": [7, 8]}, "f": {"number": [400, 401]}},
    }
    frames.to_parquet(tmp_path / "frames.parquet")
    numbers, prepared = NumbersSettings(name="numbers"), {"frames": tmp_path / "frames.parquet"}
    tokenize(prepared, numbers, 0, tmp_path, observables=content)
    assert read_npz(tmp_path / "codes.npz")["codes"][:6, 0].tolist() == [1, 1, 2, 2, 0, 0]
    book = pd.read_csv(tmp_path / "tokenizer" / "codebook.csv")
    assert book["number"].tolist() == [3, 7, 400]
    assert book["state"].tolist() == ["none", "u", "f"]
    frames.assign(number=7.0).to_parquet(tmp_path / "frames.parquet")
    with pytest.raises(InputError, match="all 12 frames have the number 7"):
        tokenize(prepared, numbers, 0, tmp_path, observables=content)
    times = pd.concat([frames.assign(number=np.arange(12) + 12.0 * part) for part in range(200)], ignore_index=True)
    times.to_parquet(tmp_path / "frames.parquet")
    with pytest.raises(
        InputError, match="2400 different values of number, up to 2399; at most 2000 are taken for states"
    ):
        tokenize(prepared, numbers, 0, tmp_path, observables=content)
