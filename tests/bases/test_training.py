"""Windows of proteins, statistics of residue types, and a short training from its collection to its file."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

from mdllm.bases.base import Base, find_base, load_base
from mdllm.bases.baselines import TypeStatistics, _smoothed
from mdllm.bases.examples import Mixed, Windows, joined
from mdllm.bases.poses import Poses, compose, of_vectors
from mdllm.bases.proteins import CodedWhenAsked, Protein, Proteins, residue_types_of, write_proteins
from mdllm.bases.rows import ViewsOfRows
from mdllm.bases.train import train_base
from mdllm.collections.reader import Collection
from mdllm.core.errors import InputError
from mdllm.tokenizers.chain.codebook import shipped_steps, steps_of

from .conftest import STEPS, settings

HIDDEN = 64


@pytest.fixture(scope="module")
def proteins(tmp_path_factory, collection) -> Proteins:
    folder = tmp_path_factory.mktemp("proteins")
    write_proteins(collection, 64, 4, folder)
    return Proteins(folder, "train")


def windows(proteins, judged=False, count=40, seed=0, **changes) -> Windows:
    return Windows(proteins, settings(training=changes).training, HIDDEN, count, seed, judged)


def test_proteins_are_kept_as_codes_and_poses(proteins, collection):
    protein = proteins[0]
    (segment,) = collection.segments_of("train")
    backbone = np.asarray(segment.backbone)[[0, 3, 6, 9], :, :3]  # four of ten, evenly spread
    steps = shipped_steps(64)
    points, own = steps.points(), steps_of(backbone).points().reshape(4, -1, 12)
    nearest = ((own[:, :, None] - points) ** 2).sum(-1).argmin(-1)
    np.testing.assert_array_equal(protein.codes[:, 1:], nearest)
    np.testing.assert_allclose(protein.poses.origin, backbone[:, :, 1], atol=1e-6)
    assert "".join("ACDEFGHIKLMNPQRSTVWYX"[t] for t in protein.residue_types) == segment.sequence
    assert residue_types_of("AXB").tolist() == [0, 20, 20]


def test_a_protein_that_is_coded_when_asked_is_that_which_was_kept(proteins, collection):
    (asked,) = CodedWhenAsked(collection, shipped_steps(64), 4)
    for name in ("residue_types", "starts", "codes"):
        np.testing.assert_array_equal(getattr(asked, name), getattr(proteins[0], name))
    np.testing.assert_array_equal(asked.poses.rotation, proteins[0].poses.rotation)
    np.testing.assert_array_equal(asked.poses.origin, proteins[0].poses.origin)
    assert asked.poses.origin.dtype == proteins[0].poses.origin.dtype


def test_windows_of_two_sets_alternate_by_the_share_of_the_second():
    first, second = ([f"{name}{number}" for number in range(100)] for name in "ab")
    mixed = list(Mixed(first, second, 0.25))
    assert len(mixed) == 100
    assert [window for window in mixed if window in second] == second[:25]
    assert [window for window in mixed if window in first] == first[:75]
    assert all(sum(window in second for window in mixed[start : start + 8]) == 2 for start in range(92))


def test_a_window_is_the_same_whenever_it_is_asked_for(proteins):
    first, again, other = (windows(proteins, seed=seed)[7] for seed in (0, 0, 1))
    assert np.array_equal(first.built_codes, again.built_codes)
    assert np.array_equal(first.rows, again.rows)
    assert not np.array_equal(first.rows, other.rows)
    with pytest.raises(IndexError):
        windows(proteins)[40]


def test_judged_windows_count_hidden_residues_alone_and_are_left_as_they_are(proteins):
    for window in windows(proteins, judged=True):
        assert len(window.rows)
        assert not window.seen[window.rows].any()
        assert not window.disturbed
        assert (window.codes_before[~window.seen] == HIDDEN).all()
    learned = list(windows(proteins))
    assert any(window.seen[window.rows].any() for window in learned)
    assert all(w.disturbed for w in learned)
    assert any(window.seen.all() for window in windows(proteins, count=100))
    assert not any(window.disturbed for window in windows(proteins, augmentation=0.0))
    assert all(len(window.rows) <= 12 and len(np.unique(window.rows)) == len(window.rows) for window in learned)


def test_first_residues_of_stretches_are_no_steps(proteins, monkeypatch):
    gap = Protein(**{**vars(proteins[0]), "starts": np.array([0, 50, 51])})
    monkeypatch.setattr(Proteins, "__getitem__", lambda self, number: gap)
    for window in windows(proteins, judged=True, window=160):
        starts = np.flatnonzero(np.isin(window.built.origin[:, 0], gap.poses.origin[:, [0, 50, 51], 0]))
        assert len(starts) >= 2
        assert not set(starts) & set(window.rows)
        assert (window.built_codes[starts] == HIDDEN).all()
        assert (window.codes_before[starts] == HIDDEN).all()


def test_a_batch_holds_the_rows_of_its_windows_with_their_codes(proteins):
    views = ViewsOfRows(shipped_steps(HIDDEN))
    drawn = [windows(proteins, augmentation=0.0)[number] for number in range(5)]
    batch = joined(drawn, HIDDEN)
    labels = np.concatenate([window.built_codes[window.rows] for window in drawn])
    assert batch["labels"].tolist() == labels.tolist()
    together, alone = views(batch), views(joined(drawn[3:4], HIDDEN))
    first = sum(len(window.rows) for window in drawn[:3])
    rows = slice(first, first + len(drawn[3].rows))
    for name in ("residue_types", "codes_around", "codes_left", "anchor", "anchor_distance"):
        torch.testing.assert_close(getattr(together, name)[rows], getattr(alone, name), atol=1e-4, rtol=0)
    own = drawn[3].residue_types[drawn[3].rows]
    assert alone.residue_types[:, alone.residue_types.shape[1] // 2].tolist() == own.tolist()
    mixed = joined([windows(proteins)[0], drawn[1]], HIDDEN)
    count = int((mixed["window"] == 0).sum())
    disturbed = views(mixed)
    assert (disturbed.residue_types[:count] == 20).any()
    assert not (together.residue_types == 20).any()
    left_alone = views(joined(drawn[1:2], HIDDEN))
    torch.testing.assert_close(disturbed.neighbours[count:], left_alone.neighbours, atol=1e-4, rtol=0)
    assert ((disturbed.anchor_distance == 0) & disturbed.anchored).any()


def test_offsets_are_the_steps_as_seen_from_their_codes(proteins):
    """With the codes, they lead from each residue of the window to the next."""
    steps = shipped_steps(HIDDEN)
    window = windows(proteins)[3]
    batch = joined([window], HIDDEN)
    offsets = ViewsOfRows(steps).offsets(batch).double()
    codes = Poses(*(torch.from_numpy(getattr(steps, name))[batch["labels"]] for name in ("rotation", "origin")))
    last = Poses(window.built.rotation.double(), window.built.origin.double())[window.rows - 1]
    reached = compose(last, compose(codes, of_vectors(offsets)))
    torch.testing.assert_close(reached.origin, window.built.origin[window.rows].double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(reached.rotation, window.built.rotation[window.rows].double(), atol=1e-4, rtol=0)
    assert offsets.abs().mean() > 0.01


def test_statistics_of_types_by_hand():
    counts = np.array([[3.0, 1.0], [0.0, 0.0]])
    found = _smoothed(counts, np.array([0.5, 0.5]))
    np.testing.assert_allclose(found.sum(-1), 1)
    np.testing.assert_allclose(found[1], 0.5)
    assert 0.5 < found[0, 0] < 0.75
    statistics = TypeStatistics(np.array([[0.5, 0.5], [0.2, 0.8]]), np.full((2, 2, 2), 0.25))
    types, codes = np.array([[0, 1], [1, 0]]), np.array([1, 0])
    assert statistics.single_loss(types, codes) == pytest.approx(-(np.log(0.8) + np.log(0.5)) / 2)
    assert statistics.pair_loss(types, codes) == pytest.approx(-np.log(0.25))


def test_statistics_count_each_protein_as_one_frame(proteins):
    statistics = TypeStatistics.fit(proteins, HIDDEN)
    protein = proteins[0]
    glycine = "ACDEFGHIKLMNPQRSTVWYX".index("G")
    rows = np.flatnonzero(protein.residue_types == glycine)
    counted = np.bincount(protein.codes[:, rows[rows > 0]].ravel(), minlength=HIDDEN) / len(protein.codes)
    ratio = statistics.single[glycine] * (counted.sum() + 1) - counted
    assert ratio.max() < 1.5  # within the pseudocounts
    np.testing.assert_allclose(statistics.pair.sum(-1), 1)


def test_a_base_learns_more_than_residue_types_and_comes_back_from_its_file(trained, collection, tmp_path):
    folder, record, base = trained
    assert record["validation_loss"] < record["baseline_residue_types"]
    assert record["steps"] == STEPS
    assert record["training_proteins"] == record["validation_proteins"] == 1
    assert json.loads((folder / "base.json").read_text()) == record
    log = pd.read_csv(folder / "training_log.csv")
    assert log["validation_loss"].min() == pytest.approx(record["validation_loss"])
    # The loss in the record is that of the weights in the file, up to half precision.
    write_proteins(collection, 64, 20, tmp_path)
    judged = Windows(Proteins(tmp_path, "validation"), settings().training, HIDDEN, 16, 1, True)
    batch = joined([judged[number] for number in range(16)], HIDDEN)
    labels = batch["labels"]
    rows = ViewsOfRows(base.steps)
    told = base.tell(rows(batch))
    found = -told.log_probabilities.gather(1, labels[:, None]).mean().item()
    assert found == pytest.approx(record["validation_loss"], abs=0.01)
    assert record["validation_codes"] == len(labels)
    missed = (told.offsets(labels) - rows.offsets(batch))[:, :3].norm(dim=1).mean().item()
    assert record["offset_nm"] == pytest.approx(missed, abs=1e-3)
    assert record["offset_none_nm"] == pytest.approx(rows.offsets(batch)[:, :3].norm(dim=1).mean().item())


@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_weights(trained, collection, tmp_path, monkeypatch):
    calls = iter(range(100))

    def stop_in_the_second_half(self, args, state, control, **kwargs):
        if next(calls) == 45:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mdllm.bases.train.ProgressBar.on_step_end", stop_in_the_second_half)
        with pytest.raises(KeyboardInterrupt):
            train_base(settings(), collection, tmp_path / "work", tmp_path / "out", threads=1)
    assert not (tmp_path / "out").exists()
    train_base(settings(), collection, tmp_path / "work", tmp_path / "out", threads=1)
    again, first = load_base(tmp_path / "out"), trained[2]
    for name, value in first.network.state_dict().items():
        torch.testing.assert_close(value, again.network.state_dict()[name], msg=name)


def test_what_is_no_base(trained, tmp_path, collection):
    folder = trained[0]
    with pytest.raises(InputError, match=r"holds no base\.safetensors; a base is made by: snakemake base_NAME"):
        load_base(tmp_path)
    for name in ("base.safetensors", "base.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "base.json").write_text("{}")
    with pytest.raises(InputError, match="holds no base that this version of mdllm can read: 'network'"):
        load_base(tmp_path)
    with pytest.raises(InputError, match="base smal: not one that comes with mdllm"):
        find_base("smal")
    assert find_base(str(folder)) == folder


def test_a_collection_without_validation_is_refused(collection, tmp_path, monkeypatch):
    monkeypatch.setattr(Collection, "names", lambda self, split=None: ["lysozyme"] if split == "train" else [])
    with pytest.raises(InputError, match="has no protein for validation"):
        write_proteins(collection, 64, 4, tmp_path)


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="longest_span 50 and window 40 must grow"):
        settings(training={"longest_span": 50})
    with pytest.raises(ValueError, match="no codebook of 100 steps"):
        settings(codebook_size=100)


def test_the_base_is_half_precision_numbers(trained):
    arrays = load_file(trained[0] / "base.safetensors")
    assert {str(value.dtype) for name, value in arrays.items() if name != "steps"} == {"float16"}
    assert isinstance(trained[2], Base)
    assert trained[2].hidden == HIDDEN
