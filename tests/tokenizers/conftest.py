"""FoldToken4: files without content, and the public code with random weights.

The latter shows that every call fits, not that structures are rebuilt. Set MDLLM_FOLDTOKEN4 to a clone of
github.com/A4Bio/FoldToken_open to run the tests that need its code.
"""

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from foldtoken4_release import CONFIG, LEVEL, fit
from mdllm.tokenizers.foldtoken4 import check as foldtoken4_check
from mdllm.tokenizers.foldtoken4.tokenizer import FoldToken4


@pytest.fixture
def empty_release(tmp_path) -> dict[str, Path]:
    """Files where the user's would be, without any content of theirs."""
    package = tmp_path / "clone" / "foldtoken"
    package.mkdir(parents=True)
    (package / "model_interface.py").write_text("")
    weights = tmp_path / "weights" / "ckpt.pth"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    weights.with_name("config.yaml").write_text(yaml.safe_dump(CONFIG))
    return {"checkout": tmp_path / "clone", "weights": weights, "config": None}


@pytest.fixture(scope="session")
def atoms(structures) -> np.ndarray:
    """N, CA, C, O (20, 4, 3) of the first model of Trp-cage, nm."""
    return foldtoken4_check.read_structure(structures / "1l2y.pdb", "protein")[0]


@pytest.fixture(scope="session")
def checkout() -> Path:
    folder = os.environ.get("MDLLM_FOLDTOKEN4")
    if not folder:
        pytest.skip("MDLLM_FOLDTOKEN4 does not name a clone of github.com/A4Bio/FoldToken_open")
    if not (Path(folder) / "foldtoken").is_dir():
        pytest.skip(f"MDLLM_FOLDTOKEN4={folder} is no clone of github.com/A4Bio/FoldToken_open")
    for package in ("torch_geometric", "torch_scatter", "torch_cluster", "pytorch_lightning", "omegaconf", "einops"):
        pytest.importorskip(package, reason=f"the code of FoldToken4 needs {package}, which is not installed")
    return Path(folder)


@pytest.fixture(scope="session")
def upstream(checkout):
    """The network of the checkout with random weights, made as its own scripts make it."""
    sys.path.insert(0, str(checkout / "foldtoken"))
    torch.manual_seed(1)
    network = importlib.import_module("model_interface").MInterface(**CONFIG).eval()
    sys.path.remove(str(checkout / "foldtoken"))
    return network


@pytest.fixture(scope="session")
def release(checkout, upstream, tmp_path_factory) -> dict:
    """The settings of a release with the weights of `upstream`, in the layout of the released checkpoint."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    state = {f"_forward_module.{name}": tensor for name, tensor in upstream.state_dict().items()}
    torch.save(state, folder / "ckpt.pth")
    return {
        "name": "foldtoken4",
        "checkout": str(checkout),
        "weights": str(folder / "ckpt.pth"),
        "level": LEVEL,
        "device": "cpu",
    }


@pytest.fixture(scope="session")
def frames(atoms) -> np.ndarray:
    """Five frames (5, 20, 3, 3) around one structure."""
    noise = np.random.default_rng(2).normal(0, 0.01, (5, *atoms[:, :3].shape))
    return (atoms[:, :3] + noise).astype(np.float32)


@pytest.fixture(scope="session")
def tokenizer(release, frames) -> FoldToken4:
    return fit(release, frames)
