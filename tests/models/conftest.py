"""One trained model for all tests that only look at it."""

import pytest
import torch

from models.small import run_finetune, write_codes


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Folder with `codes.npz`, `out/model` and the report of an undisturbed training run."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    write_codes(folder / "codes.npz")
    return folder, run_finetune(folder)
