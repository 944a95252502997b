"""Windows: no gap inside, nothing shared between training and validation, labels that equal the ids."""

import numpy as np
import pytest

from language.toy import toy_series
from mdllm.core.errors import InputError
from mdllm.language.series import CodeSeries
from mdllm.language.vocabulary import Vocabulary
from mdllm.language.windows import IGNORED, Windows, split, window_starts

N = 3


def test_starts_within_stretches():
    stretches = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2])
    assert window_starts(stretches, 3, 1).tolist() == [0, 1, 2, 7]
    assert window_starts(stretches, 3, 2).tolist() == [0, 2, 7]
    assert window_starts(stretches, 6, 1).tolist() == []


def test_windows_never_straddle_a_gap_or_a_border():
    rng = np.random.default_rng(1)
    frame = np.cumsum(1 + 4 * (rng.random(300) < 0.05))
    segment = np.cumsum(rng.random(300) < 0.03)
    series = CodeSeries(rng.integers(0, 4, (300, 2)), frame, segment, 4)
    parts = split(series, N, 1, 0.3)
    assert len(parts.training) > 20
    assert len(parts.validation) > 20
    for start in np.concatenate([parts.training, parts.validation]):
        inside = slice(start, start + N + 1)
        assert (np.diff(frame[inside]) == 1).all()
        assert len(set(segment[inside])) == 1


@pytest.mark.parametrize("stride", [1, 2, 10])
def test_training_and_validation_share_no_frame_and_keep_their_distance(stride):
    parts = split(toy_series(120), N, stride, 0.25)
    training = (parts.training[:, None] + np.arange(N + 1)).ravel()
    validation = (parts.validation[:, None] + np.arange(N + 1)).ravel()
    assert set(validation) == set(range(90, 120))
    assert training.max() < parts.training_frames == 90 - N
    assert not set(training) & set(validation)


@pytest.mark.parametrize(
    ("frames", "share", "side"), [(6, 0.7, "training"), (40, 0.05, "validation"), (40, 0.95, "training")]
)
def test_too_few_frames_name_the_numbers_and_the_keys(frames, share, side):
    message = rf"of {frames} training frames .* for {side}, .* {N + 1} frames .* language.context_frames"
    with pytest.raises(InputError, match=message):
        split(toy_series(frames), N, 1, share)


@pytest.mark.parametrize("loss", ["all", "last"])
@pytest.mark.parametrize("time_reversed", [False, True])
def test_labels_equal_the_ids_wherever_the_loss_counts(loss, time_reversed):
    series = toy_series(30)
    vocabulary = Vocabulary.from_scratch(series.residues, series.codebook_size)
    windows = Windows(series.codes, vocabulary, N, np.arange(20), loss, time_reversed)
    for window in windows:
        counted = window["labels"] != IGNORED
        assert (window["labels"][counted] == window["input_ids"][counted]).all()
        first_counted = 0 if loss == "all" else N * series.residues
        assert (np.flatnonzero(counted) == np.arange(first_counted, (N + 1) * series.residues)).all()


def test_reversed_copies_turn_frames_around_but_not_residues():
    series = toy_series(30)
    vocabulary = Vocabulary.from_scratch(series.residues, series.codebook_size)
    windows = Windows(series.codes, vocabulary, N, np.array([4, 7]), "all", True)
    assert len(windows) == 4
    assert (vocabulary.decode(windows[1]["input_ids"]) == series.codes[7:11]).all()
    assert (vocabulary.decode(windows[3]["input_ids"]) == series.codes[7:11][::-1]).all()
    with pytest.raises(IndexError):
        windows[4]
