"""Discrete trajectories of the user, end to end: learned in pieces of a part, judged on the whole."""

import gzip

import numpy as np
import pytest

from analysis.chains import HIERARCHY, sample
from mdllm.core.records import read_json, read_npz
from project import Project

pytestmark = pytest.mark.slow
NUMBERS = np.array([1, 2, 30, 40])


@pytest.fixture(scope="module")
def series(tmp_path_factory, cache):
    folder = tmp_path_factory.mktemp("series")
    runs = NUMBERS[sample(HIERARCHY, 2, 3000)]
    np.save(folder / "run1.npy", runs[0])
    (folder / "run2.txt.gz").write_bytes(gzip.compress("\n".join(map(str, runs[1])).encode()))
    system = {
        "main": False,
        "source": {"type": "series", "files": ["run*"]},
        "frame_interval_ps": 10.0,
        "collective_variables": {"number": {"type": "number"}},
        "states": {"low": {"number": [1, 2]}, "high": {"number": [30, 41]}},
        "training_set": {"frames": [[0, 2999]], "piece_frames": 500, "pieces": 4},
        "stages": {
            "tokenizer": {"name": "numbers"},
            "language": {"context_frames": 16, "stride": 4, "judged_frames": 8},
            "training": {"max_steps": 10, "evaluate_every": 5, "validation_share": 0.25},
            "rollout": {
                "replicas": 20,
                "batch": 20,
                "frames": 100,
                "starts": "spread",
                "keep_frames": 8,
                "top_k": 4,
                "top_p": 1.0,
            },
            "kinetics": {"lags": [1, 5], "lag": 5, "posterior_samples": 10, "committor": ["low", "high"]},
        },
        "variants": {
            "nanogpt": {"model": {"name": "nanogpt", "hidden_size": 16, "heads": 2}},
            "markov": {"model": {"name": "markov"}},
        },
    }
    project = Project(folder, cache, {}, {"series": system})
    project.run()
    return project


def test_models_learn_from_pieces_and_are_judged_on_every_frame(series):
    results = series.folder / "results" / "series"
    codes = read_npz(results / "nanogpt" / "tokens" / "codes.npz")
    assert np.bincount(codes["training"] + 1).tolist() == [4000, 500, 500, 500, 500]
    assert codes["training"][3000:].max() == -1
    for variant in ("nanogpt", "markov"):
        summary = read_json(results / variant / "summary.json")
        assert summary["conditions"]["training_frames"] == 2000
        assert summary["kinetics"]["nanoseconds"]["md"] == pytest.approx(60)
        found = summary["kinetics"]["comparisons"]["model"]
        assert [row["quantity"] for row in found["committor"]] == ["number 2"]
        assert len(found["transitions_per_ns"]) == len(found["staying"]) == 2
    assert (results / "figures" / "committor.png").is_file()
    assert not (results / "raw").exists()
    assert "Nothing to be done" in series.run()


def test_a_changed_file_is_read_again(series):
    path = series.folder / "run1.npy"
    np.save(path, np.load(path)[::-1])
    assert {"read_series", "tokenize", "train", "kinetics"} <= series.would_run()
    np.save(path, np.r_[np.load(path), -1])
    out = series.run(ok=False)
    assert "run1.npy, frame 3000 (counted from 0; 1 alike): -1 is no number of a state" in out
    assert "Traceback" not in out
