"""One trained model for all tests that only look at it, and the base of pretrained models."""

import shutil

import pytest
import torch

from models import base_model
from models.small import run_training, write_codes


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Folder with `codes.npz`, `out/model` and the report of an undisturbed training run."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    write_codes(folder / "codes.npz")
    return folder, run_training(folder)


@pytest.fixture(scope="session")
def base(tmp_path_factory, cache):
    """Folder of a small pretrained model with Mistral's tokenizer."""
    folder = tmp_path_factory.mktemp("pretrained") / "base"
    base_model.write_base(folder, cache)
    return folder


@pytest.fixture
def with_base(base, tmp_path):
    """An empty folder with a copy of the base and `codes.npz` (K = 12: numbers of one and of two digits)."""
    shutil.copytree(base, tmp_path / "base")
    write_codes(tmp_path / "codes.npz", frames=100, codebook_size=12)
    return tmp_path
