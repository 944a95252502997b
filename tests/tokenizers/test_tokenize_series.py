"""The stage tokenize of a system whose kinetics are learned."""

import numpy as np
import pandas as pd
import pytest

from mdllm.config.settings.kinetics import KineticSystemSettings
from mdllm.config.settings.sequence import BinsSettings
from mdllm.core.errors import InputError
from mdllm.core.records import read_npz
from mdllm.tokenizers.discretizers.tokenize_series import tokenize_series

FRAMES = pd.DataFrame(
    {
        "frame": np.arange(12),
        "time_ps": np.tile(np.float32(0.1) * np.arange(1, 7), 2),
        "segment": np.repeat([0, 1], 6),
        "psi_rad": np.tile([-2.0, -1.0, 1.0, 2.0, 2.1, -2.1], 2),
    }
)


def system(**changes):
    content = {
        "kind": "kinetics",
        "description": "x",
        "source": {"type": "files", "topology": "a", "trajectories": ["b"]},
        "collective_variables": {"psi": {"type": "psi", "residue": 2}, "phi": {"type": "phi", "residue": 2}},
        "states": {"low": {"psi": [-3.2, 0]}, "high": {"psi": [0, 3.2]}},
        "variants": {"markov": {}},
    }
    return KineticSystemSettings.model_validate({**content, **changes})


def run(folder, about, frames=FRAMES, **settings):
    chosen = BinsSettings(**{"name": "bins", "variable": "psi", "bins": 4, **settings})
    return tokenize_series(frames, None, about, chosen, 0, folder)


def test_codes_and_codebook(tmp_path):
    assert run(tmp_path, system())["codes_used"] == 4
    codes = read_npz(tmp_path / "codes.npz")
    assert codes["codes"][:6, 0].tolist() == [0, 1, 2, 3, 3, 0]
    assert codes["codes"].shape == (12, 1)
    assert codes["interval_ps"] == 0.1
    assert codes["codebook_size"] == 4
    book = pd.read_csv(tmp_path / "codebook.csv")
    assert book["state"].tolist() == ["low", "low", "high", "high"]
    assert book["count"].tolist() == [4, 2, 2, 4]
    assert book["psi_rad"].to_numpy() == pytest.approx(np.pi * np.array([-3, -1, 1, 3]) / 4)


def test_a_stride_takes_every_nth_frame_of_each_segment(tmp_path):
    run(tmp_path, system(), stride=4)
    codes = read_npz(tmp_path / "codes.npz")
    assert codes["frame"].tolist() == [0, 4, 6, 10]
    assert codes["interval_ps"] == pytest.approx(0.4)


def test_what_cannot_be_learned_is_refused(tmp_path):
    with pytest.raises(InputError, match="'chi' is no collective variable; defined are psi, phi"):
        run(tmp_path, system(), variable="chi")
    with pytest.raises(InputError, match=r"has 2 frame\(s\), none of which follows another"):
        tokenize_series(
            FRAMES.iloc[[0, 8]], None, system(), BinsSettings(name="bins", variable="psi", bins=4), 0, tmp_path
        )
    with pytest.raises(InputError, match=r"states.never: no frame has a code in this state"):
        run(tmp_path, system(states={"low": {"psi": [-3.2, 0]}, "never": {"psi": [0, 0.5]}}))
    with pytest.raises(InputError, match=r"states.left: a code of this tokenizer has no phi; use psi_rad"):
        run(tmp_path, system(states={"low": {"psi": [-3.2, 0]}, "left": {"phi": [0, 0.5]}}))
