"""A short training from files to a model that predicts, and what it is compared with."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from mdllm.core.errors import InputError
from mdllm.seqdance.model import load
from mdllm.seqdance.settings import DanceSettings
from mdllm.seqdance.train import split_proteins, train_dance

from .properties import write

pytestmark = pytest.mark.slow

STEPS = 60


def settings(folder, **changes) -> DanceSettings:
    """A training that takes seconds."""
    training = {
        "steps": STEPS,
        "batch_size": 4,
        "warmup_steps": 5,
        "learning_rate": 3e-3,
        "crops": [{"from_step": 0, "residues": 16}],
        "evaluate_every": 20,
    }
    content = {
        "description": "x",
        "data": {
            "type": "files",
            "files": [str(folder / "dynamics.h5"), str(folder / "normal_modes.h5")],
            "proteins": str(folder / "proteins.csv"),
            "contacts": "as_given",
        },
        "network": {"name": "seqdance", "layers": 2, "heads": 2, "width": 16, "feed_forward": 32, "dropout": 0.0},
        "training": {**training, **changes.pop("training", {})},
        **changes,
    }
    return DanceSettings.model_validate(content)


@pytest.fixture(scope="session")
def properties(tmp_path_factory):
    return write(tmp_path_factory.mktemp("properties"))


@pytest.fixture(scope="session")
def trained(properties, tmp_path_factory):
    """Folder and record of two trainings."""
    folder = tmp_path_factory.mktemp("dance")
    record = train_dance(settings(properties, seeds=[3, 4]), properties, folder / "work", folder / "out", threads=1)
    return folder / "out", record


def test_a_model_learns_more_than_its_baselines_and_says_so(trained):
    folder, record = trained
    for own in record["seeds"]:
        assert own["validation_loss"] < own["baselines"]["mean"]["loss"]
        assert own["steps"] == STEPS
        assert own["proteins"] == 6
        assert own["baselines"]["mean"]["model_is_better"]
        low, high = own["baselines"]["mean"]["interval"]
        assert low < own["baselines"]["mean"]["model_minus_baseline"] < high < 0
    assert [own["seed"] for own in record["seeds"]] == [3, 4]
    assert record["groups"] == {"md": {"training": 6, "validation": 3}, "nma": {"training": 6, "validation": 3}}
    assert all(own["untrained"] == [] for own in record["seeds"])
    assert json.loads((folder / "dance.json").read_text()) == record
    table = pd.read_csv(folder / "validation.csv")
    assert set(table["predictor"]) == {"model", "mean", "residue_types", "types_and_places"}
    nma = table[table["group"] == "nma"]["property"].unique()
    assert set(nma) == {f"{kind}_{band}" for kind in ("gnm", "anm") for band in ("low", "medium", "high")}


def test_the_recorded_loss_is_that_of_the_weights_in_the_folder(trained, properties):
    folder, record = trained
    table = pd.read_csv(folder / "validation.csv")
    model = table[(table["seed"] == 3) & (table["predictor"] == "model")]
    relative = {"md": [], "nma": []}
    for (group, name), own in model.groupby(["group", "property"]):
        relative[group].append((name, own["relative_error"].iloc[0]))
    # Of normal modes alone: fluctuations 1/4, correlations 3/4, bands alike.
    weights = {"gnm": 1 / 12, "anm": 3 / 12}
    nma = sum(weights[name.split("_")[0]] * value for name, value in relative["nma"])
    difference = record["seeds"][0]["baselines"]["mean"]
    total = difference["loss"] + difference["model_minus_baseline"]
    assert total == pytest.approx(record["seeds"][0]["validation_loss"], rel=0.02)
    assert 0 < nma < 1.5


def test_the_first_seed_is_the_model_of_the_folder(trained):
    folder, _ = trained
    first, named = load(folder), load(folder / "seed_3")
    other = load(folder / "seed_4")
    tokens = torch.tensor([[0, 5, 6, 7, 2]])
    torch.testing.assert_close(first.network(tokens).pair, named.network(tokens).pair)
    assert (first.network(tokens).pair - other.network(tokens).pair).abs().max() > 1e-3
    assert first.symmetric


def test_an_interrupted_training_ends_with_the_same_weights(trained, properties, tmp_path, monkeypatch):
    calls = iter(range(1000))

    def stop_in_the_second_half(self, args, state, control, **kwargs):
        if next(calls) == 45:
            raise KeyboardInterrupt

    asked = settings(properties, seeds=[3])
    with monkeypatch.context() as patch:
        patch.setattr("mdllm.seqdance.train.ProgressBar.on_step_end", stop_in_the_second_half)
        with pytest.raises(KeyboardInterrupt):
            train_dance(asked, properties, tmp_path / "work", tmp_path / "out", threads=1)
    train_dance(asked, properties, tmp_path / "work", tmp_path / "out", threads=1)
    again, first = load(tmp_path / "out").network.state_dict(), load(trained[0] / "seed_3").network.state_dict()
    for name, value in first.items():
        torch.testing.assert_close(value, again[name], msg=name)


def test_the_learning_rate_ends_at_its_tenth(trained):
    log = pd.read_csv(trained[0] / "training_log.csv").dropna(subset="learning_rate")
    rates = log[log["seed"] == 3].set_index("step")["learning_rate"]
    assert rates.loc[STEPS] == pytest.approx(3e-4, rel=0.2)
    assert math.isclose(rates.loc[20], 3e-3 * (1 - 0.9 * 15 / 55), rel_tol=0.05)


def test_what_cannot_be_trained_is_refused(properties, tmp_path):
    def run(asked):
        train_dance(asked, properties, tmp_path / "work", tmp_path / "out", threads=1)

    with pytest.raises(InputError, match="float16 needs a GPU"):
        run(settings(properties, training={"precision": "float16"}))
    with pytest.raises(InputError, match="cannot be shared evenly among 1 processes in 3 parts"):
        run(settings(properties, training={"accumulation": 3}))
    with pytest.raises(InputError, match="could not be fetched"):
        run(settings(properties, network={"name": "esmdance", "encoder": str(tmp_path / "no")}))
    for changes, message in (
        ({"training": {"warmup_steps": STEPS}}, "warmup_steps 60 must be below steps 60"),
        ({"training": {"crops": [{"from_step": 5, "residues": 9}]}}, "from_step must begin at 0"),
        ({"training": {"crops": [{"from_step": s, "residues": 9} for s in (0, 60)]}}, "from_step 60 has no effect"),
        ({"seeds": [1, 1]}, "each once"),
        ({"network": {"name": "seqdance", "width": 30, "heads": 4}}, "width 30 must be an even multiple of heads 4"),
    ):
        with pytest.raises(ValueError, match=message):
            settings(properties, **changes)


def test_a_group_needs_both_splits(properties, tmp_path):
    table = pd.read_csv(properties / "proteins.csv")
    table.loc[table["group"] == "nma", "split"] = "train"
    table.to_csv(tmp_path / "proteins.csv", index=False)
    asked = settings(properties).model_dump()
    asked["data"]["proteins"] = str(tmp_path / "proteins.csv")
    with pytest.raises(InputError, match="group nma has no protein with the split validation"):
        split_proteins(DanceSettings.model_validate(asked), properties)


def test_directed_maps_and_zeros_can_be_asked_for(properties):
    asked = settings(properties, network={"name": "seqdance", "symmetric": False}, loss={"undefined_angles": "zero"})
    training, _ = split_proteins(asked, properties)
    residue = training.read(0, 0).targets.residue[1:-1]
    assert np.isfinite(residue[:, :47]).all()
    assert not np.isfinite(split_proteins(settings(properties), properties)[0].read(0, 0).targets.residue[1:-1]).all()


def test_no_model(tmp_path):
    with pytest.raises(InputError, match=r"holds no model\.safetensors; make a model: snakemake dance_NAME"):
        load(tmp_path)
