"""A collection of two proteins, and a base that has learned a little of them."""

import pytest

from collector import Collector
from mdllm.bases.base import load_base
from mdllm.bases.settings import BaseSettings
from mdllm.bases.train import train_base

STEPS = 60


def settings(**changes) -> BaseSettings:
    """A base that takes seconds."""
    training = {
        "steps": STEPS,
        "batch_size": 8,
        "window": 40,
        "rows": 12,
        "warmup_steps": 10,
        "evaluate_every": 20,
        "validation_windows": 16,
        "learning_rate": 3e-3,
    }
    content = {
        "description": "x",
        "collection": "two",
        "codebook_size": 64,
        "network": {"width": 32, "blocks": 1, "dropout": 0.0},
        "training": {**training, **changes.pop("training", {})},
        **changes,
    }
    return BaseSettings.model_validate(content)


@pytest.fixture(scope="session")
def collection(tmp_path_factory, structures):
    """T4 lysozyme, ten models, and Mad2, one; one of them to train on, the other for validation."""
    patch = pytest.MonkeyPatch()
    patch.setattr("mdllm.collections.similarity.shutil.which", lambda name: None)
    collector = Collector(tmp_path_factory.mktemp("collection"))
    for name, file in (("lysozyme", "2lcb"), ("mad2", "1s2h")):
        collector.structures.joinpath(f"{name}.pdb").write_text((structures / f"{file}.pdb").read_text())
    made = collector.run(validation_share=0.5, seed=3)
    patch.undo()
    assert (made.names("train"), made.names("validation")) == (["lysozyme"], ["mad2"])
    return made


@pytest.fixture(scope="session")
def trained(tmp_path_factory, collection):
    """Folder, record and base of a short training."""
    folder = tmp_path_factory.mktemp("base")
    record = train_base(settings(), collection, folder / "work", folder / "out", threads=1)
    return folder / "out", record, load_base(folder / "out")
