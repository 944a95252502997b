"""A small network with random weights, and its folder."""

from pathlib import Path

import pytest
import torch

from mdllm.seqdance.model import save
from mdllm.seqdance.network import DanceNetwork, seqdance
from mdllm.seqdance.settings import SeqDanceNetworkSettings


@pytest.fixture(scope="session")
def network() -> DanceNetwork:
    torch.manual_seed(7)
    settings = SeqDanceNetworkSettings(layers=2, heads=2, width=16, feed_forward=32, dropout=0.0)
    return seqdance(settings).eval()


@pytest.fixture(scope="session")
def model(network, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save(network, 0.0, {"seed": 7, "contacts": "cube_root"}, folder)
    return folder
