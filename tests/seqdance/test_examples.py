"""Which proteins come when, and how they are put together."""

import numpy as np
import pytest
import torch

from mdllm.core.errors import InputError
from mdllm.seqdance.examples import Draws, Judged, Proteins, collate
from mdllm.seqdance.settings import DanceTrainingSettings
from mdllm.seqdance.storage import PropertyReader, read_proteins
from mdllm.seqdance.tokens import PAD

from .properties import write


@pytest.fixture(scope="module")
def proteins(tmp_path_factory) -> Proteins:
    folder = write(tmp_path_factory.mktemp("properties"), train=7)
    table = read_proteins(folder / "proteins.csv")
    reader = PropertyReader([folder / "dynamics.h5", folder / "normal_modes.h5"])
    return Proteins(table[table["split"] == "train"], ["md", "nma"], reader)


def training(**changes) -> DanceTrainingSettings:
    content = {"steps": 60, "batch_size": 6, "warmup_steps": 0, "crops": [{"from_step": 0, "residues": 12}]}
    return DanceTrainingSettings.model_validate(content | changes)


def rows(draws: Draws, group: int) -> list[int]:
    places = [draws.place(index) for index in range(len(draws))]
    assert [place[0] for place in places] == [0, 1] * (len(draws) // 2)
    return [row for of_group, row in places if of_group == group]


def test_every_protein_comes_once_in_an_epoch_in_an_order_of_its_own(proteins):
    found = rows(Draws(proteins, training(), 0), 1)
    epochs = [tuple(found[first : first + 7]) for first in range(0, 140, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len(set(epochs)) > 15
    assert rows(Draws(proteins, training(), 1), 1) != found


def test_without_epoch_seeds_the_rest_never_comes(proteins):
    found = rows(Draws(proteins, training(epoch_seeds=False), 0), 0)
    assert len(set(found)) == 6  # of 7: an update takes 3 of each group
    assert found[:6] == found[6:12]


def test_long_proteins_are_cut_to_random_windows_and_later_to_longer_ones(proteins):
    crops = [{"from_step": 0, "residues": 12}, {"from_step": 30, "residues": 16}]
    draws = Draws(proteins, training(crops=crops), 0)
    assert {len(draws[index].targets.tokens) for index in range(12)} == {14}
    assert {len(draws[index].targets.tokens) for index in range(180, 192)} == {18}
    windows = {tuple(draws[i].targets.tokens.tolist()) for i in range(0, 180, 2) if draws.place(i)[1] == 0}
    assert len(windows) > 3
    again = draws[17].targets
    np.testing.assert_array_equal(again.residue, draws[17].targets.residue)
    with pytest.raises(IndexError):
        draws[360]


def test_updates_have_as_many_proteins_of_each_group(proteins):
    with pytest.raises(InputError, match=r"of each of the 2 groups \(md, nma\); choose a multiple of 2"):
        Draws(proteins, training(batch_size=5), 0)


def test_validation_takes_the_middle_and_is_spread(proteins):
    judged = Judged(proteins, 3, 10)
    assert judged.places == [(0, 0), (0, 3), (0, 6), (1, 0), (1, 3), (1, 6)]
    whole = Judged(proteins, 3, None)[0].targets
    assert judged[0].targets.tokens.tolist() == whole.tokens[[0, *range(6, 16), 21]].tolist()
    assert len(Judged(proteins, 100, None)) == 14


def test_a_batch_is_filled_up(proteins):
    examples = [Judged(proteins, 100, None)[index] for index in (0, 6, 7)]
    batch = collate(examples)
    assert batch["tokens"].shape == (3, 28)
    assert (batch["tokens"][0, 22:] == PAD).all()
    assert batch["residue"][0, 22:].isnan().all()
    assert batch["pair"][0, :, 22:].isnan().all()
    assert batch["group"].tolist() == [0, 0, 1]
    torch.testing.assert_close(batch["pair"][0, :22, :22], torch.from_numpy(examples[0].targets.pair), equal_nan=True)
