"""The paper's path in miniature: a pretrained base in 4 bit with LoRA, frames as text, from raw frames to figures."""

import pytest

from mdllm.core.records import read_json, read_npz
from models.base_model import write_base
from project import FRAMES, SMALL, copy_of

QLORA = {
    "tokenizer": {"codebook_size": 32, "fit_frames": 400},
    "language": {"form": "text", "context_frames": 2, "stride": 10, "time_reversed": False},
    "model": {"name": "pretrained", "base": "external/base", "device": "cpu"},
    "training": {
        "precision": "bfloat16",
        "optimizer": "adamw_8bit",
        "batch_size": 2,
        "accumulation": 2,
        "max_steps": 4,
        "evaluate_every": 2,
        "validation_windows": 8,
        "validation_share": 0.05,
    },
    "rollout": {"frames": 3, "replicas": 2, "batch": 2, "checkpoint_every": 1},
}


@pytest.fixture(scope="module")
def qlora(finished, tmp_path_factory):
    project = copy_of(finished, tmp_path_factory.mktemp("qlora") / "p", *FRAMES)
    system = project.read("config/systems/trp_cage.yaml")
    del system["variants"]["base"]  # it speaks no text
    project.write("config/systems/trp_cage.yaml", system)
    project.write("config/config.yaml", {"systems": ["trp_cage"], "overrides": {**SMALL, **QLORA}})
    write_base(project.folder / "external" / "base", project.cache)
    project.run("results/trp_cage/main/figures/plane.png")
    return project.folder / "results" / "trp_cage" / "main"


def test_the_adapter_is_kept_and_the_base_is_not_copied(qlora):
    assert (qlora / "model" / "adapter_model.safetensors").stat().st_size > 0
    assert not (qlora / "model" / "model.safetensors").exists()
    adapter = read_json(qlora / "model" / "adapter_config.json")
    assert (adapter["r"], adapter["lora_alpha"], adapter["lora_dropout"]) == (16, 16, 0.0)


def test_every_generated_frame_is_a_frame(qlora):
    rollout = read_npz(qlora / "rollout" / "codes.npz")
    assert rollout["codes"].shape == (2, 3, 20)
    assert rollout["codes"].min() >= 0
    assert rollout["codes"].max() < 32
    assert (rollout["log_likelihood"] < 0).all()


def test_both_figures_of_the_paper_are_drawn(qlora):
    for figure in ("plane", "time_series"):
        assert (qlora / "figures" / f"{figure}.pdf").stat().st_size > 10_000
