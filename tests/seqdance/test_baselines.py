"""Baselines against means worked out one protein at a time."""

import numpy as np
import pytest

from mdllm.seqdance.baselines import NAMES, fit
from mdllm.seqdance.examples import Example, Proteins
from mdllm.seqdance.storage import PropertyReader, PropertyWriter, read_proteins
from mdllm.seqdance.tokens import encode

from .properties import LETTERS


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Three proteins of A and L: the SASA of L is larger, and so is that of ends; contacts fall off with distance."""
    folder = tmp_path_factory.mktemp("simple")
    writer = PropertyWriter(folder)
    rng = np.random.default_rng(0)
    for number in range(40):
        sequence = "".join(rng.choice(["A", "L"], 12))
        place = np.minimum(np.arange(12), np.arange(12)[::-1])
        residue = np.full((12, 50), np.nan)
        residue[:, 0] = 1.0 + (np.array(list(sequence)) == "L") + 0.1 * place
        pair = np.full((12, 12, 13), np.nan)
        pair[..., 9] = 1 / (1 + np.abs(np.subtract.outer(np.arange(12), np.arange(12))))
        writer.add(f"p{number}", sequence, "md", "train" if number else "validation", residue, pair)
    writer.close()
    table = read_proteins(folder / "proteins.csv")
    reader = PropertyReader([folder / "dynamics.h5"])
    members = {split: Proteins(table[table["split"] == split], ["md"], reader) for split in ("train", "validation")}
    return (*fit(members["train"]), members)


def test_means_are_those_of_the_training_proteins(fitted):
    baselines, _, members = fitted
    values = [members["train"].read(0, row).targets.residue[1:-1, 0] for row in range(39)]
    found = baselines["mean"].predict(encode(["AL"]), 0)[0][:, 0]
    np.testing.assert_allclose(found, np.mean(values), rtol=1e-3)
    tokens = np.concatenate([members["train"].read(0, row).targets.tokens[1:-1] for row in range(39)])
    alanine = np.concatenate(values)[tokens == encode(["A"])[1]].mean()
    assert baselines["residue_types"].predict(encode(["A"]), 0)[0][1, 0] == pytest.approx(alanine, rel=1e-2)


def test_types_and_places_know_both(fitted):
    baselines, _, members = fitted
    example = members["validation"].read(0, 0)
    errors = {name: baseline.errors(example) for name, baseline in baselines.items()}
    assert tuple(errors) == NAMES
    assert errors["types_and_places"][0] < 0.05 < errors["residue_types"][0] < errors["mean"][0]
    assert errors["types_and_places"][59] < 0.01 < 0.1 < errors["residue_types"][59]  # by the distance along the chain
    assert np.isnan(np.delete(errors["mean"], [0, 59])).all()


def test_the_spread_is_the_mean_error_of_predicting_the_mean(fitted):
    baselines, spread, members = fitted
    own = [baselines["mean"].errors(members["train"].read(0, row))[0] for row in range(39)]
    assert spread[0, 0] == pytest.approx(np.mean(own), rel=1e-5)
    assert np.isnan(spread[0, 1])


def test_residues_of_other_chains_are_no_neighbours(fitted):
    baselines, _, _ = fitted
    pair = baselines["types_and_places"].predict(encode(["AL", "AL"]), 0)[1]
    assert pair[1, 2, 9] > pair[1, 5, 9] + 0.1  # L of the same chain, A of the other
    window = encode(["AL", "AL"])[[0, *range(4, 8)]]  # begins between two chains
    assert np.isfinite(baselines["types_and_places"].predict(window, 0)[0][2:4, 0]).all()


def test_letters_that_no_protein_has_get_what_all_have(fitted):
    baselines, _, members = fitted
    assert set(LETTERS) > {"A", "L"}
    mean = baselines["mean"].predict(encode(["W"]), 0)[0][1, 0]
    assert baselines["residue_types"].predict(encode(["W"]), 0)[0][1, 0] == pytest.approx(mean)
    assert isinstance(members["train"].read(0, 0), Example)
