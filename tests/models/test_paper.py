"""The preset `paper`: what reaches Trainer, PEFT, bitsandbytes and the sampler is what MD-LLM-1 prints.

Read from the objects that compute, not from the YAML. The base and the device alone are replaced by small ones.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from mdllm.config.reading import merge, read_yaml
from mdllm.config.settings.stages import StageSettings
from mdllm.core.errors import InputError
from mdllm.language.text.language import TextLanguage
from mdllm.models.base import build_model
from mdllm.models.rollout import sampling, text_generation
from mdllm.models.rollout.sampling import frame_uniforms
from mdllm.models.training import train as training_module
from models.small import write_codes

bitsandbytes = pytest.importorskip("bitsandbytes", reason="NF4 and 8-bit AdamW are those of bitsandbytes")
ROOT = Path(__file__).resolve().parents[2]


class Ready(Exception):
    """Raised in place of training."""


def paper() -> StageSettings:
    preset = read_yaml(ROOT / "config" / "presets" / "paper.yaml")
    return StageSettings.model_validate(merge(StageSettings().model_dump(mode="json"), preset))


@pytest.fixture(scope="module")
def trainer(base, tmp_path_factory):
    """The Trainer of the preset at the moment at which it would begin."""
    folder = tmp_path_factory.mktemp("paper")
    write_codes(folder / "codes.npz", frames=400, codebook_size=12)
    settings = paper()
    model = settings.model.model_copy(update={"base": str(base), "device": "cpu"})
    found = []

    def begin(trainer, *_):
        found.append(trainer)
        raise Ready

    arguments = (folder / "codes.npz", settings.language, model, settings.training, 0, folder, folder / "work", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_module, "_train", begin)
        with pytest.raises(Ready):
            training_module.train(*arguments)
    return found[0]


def test_the_base_is_the_papers():
    assert (paper().model.base, paper().model.revision) == ("unsloth/mistral-7b-v0.3-bnb-4bit", None)
    assert (paper().tokenizer.name, paper().tokenizer.level) == ("foldtoken4", 8)


def test_lora_as_peft_applies_it(trainer):
    (lora,) = trainer.model.peft_config.values()
    assert (lora.r, lora.lora_alpha, lora.lora_dropout, lora.bias) == (16, 16, 0.0, "none")
    adapted = [(name, m) for name, m in trainer.model.named_modules() if "lora_A" in getattr(m, "_modules", {})]
    kinds = {name.rsplit(".", 1)[-1] for name, _ in adapted}
    assert kinds == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    for _, module in adapted:
        assert module.lora_A["default"].weight.shape[0] == 16
        assert module.scaling["default"] == 1.0
        assert isinstance(module.base_layer, bitsandbytes.nn.Linear4bit)
        assert module.base_layer.weight.quant_type == "nf4"
        assert module.base_layer.compute_dtype == torch.bfloat16


def test_arguments_of_the_trainer(trainer):
    arguments = trainer.args
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (2, 4)
    assert arguments.train_batch_size == 2
    assert arguments.bf16
    assert arguments.activation_checkpointing
    assert arguments.max_grad_norm == 1.0


def test_optimizer_and_schedule(trainer):
    optimizer = trainer.create_optimizer()
    assert type(optimizer) is bitsandbytes.optim.AdamW
    assert optimizer.args.optim_bits == 8
    assert {group["weight_decay"] for group in optimizer.param_groups if group["params"]} == {0.01}
    scheduler = trainer.create_scheduler(num_training_steps=trainer.args.max_steps, optimizer=optimizer)
    rates = []
    for _ in range(trainer.args.max_steps + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(rates[:6], np.arange(6) / 5 * 2e-4)
    np.testing.assert_allclose(np.diff(rates[5:]), -2e-4 / (trainer.args.max_steps - 5), rtol=1e-6)
    assert rates[-1] == 0


def test_windows_of_ten_frames_and_the_next(trainer):
    windows = trainer.train_dataset
    assert isinstance(windows.language, TextLanguage)
    assert set(np.diff(windows.starts)) == {10}
    assert (windows.context_frames, windows.loss, windows.time_reversed) == (10, "all", False)
    counted = windows[0]["labels"] != -100
    assert windows.language.decode(windows[0]["labels"][counted]).shape == (11, 4)


def test_longest_window(trainer):
    language = trainer.train_dataset.language
    model = paper().model.model_copy(update={"device": "cpu"})
    with pytest.raises(InputError, match=r"longest window has 9001 tokens .* model\.max_length is 9000"):
        build_model(model, language, 9001)


def test_sampler(trainer, monkeypatch):
    language, network = trainer.train_dataset.language, trainer.model
    seen = []
    original = sampling.truncated_probabilities
    monkeypatch.setattr(sampling, "truncated_probabilities", lambda *given: seen.append(given[1:]) or original(*given))
    generator = text_generation.TextFrameGenerator(network.eval(), language, 10, paper().rollout)
    generator.next_frame(np.zeros((1, 10, 4), int), frame_uniforms(0, np.arange(1), 0, generator.draws))
    assert set(seen) == {(1.0, 100, 0.95, 0.0)}
