"""Pretrained models in NF4 with LoRA: what is trained, what is saved, and that it comes back bit for bit."""

import json
import shutil
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate.utils import extract_model_from_parallel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, MistralConfig

from mdllm.core.errors import InputError
from mdllm.core.records import read_npz
from mdllm.language.forms import load_language
from mdllm.language.series import CodeSeries
from mdllm.language.text.language import TextLanguage
from mdllm.language.windows import Windows, split
from mdllm.models import pretrained
from mdllm.models.base import build_model, load_model, model_kind, resume_model
from mdllm.models.quantization import keep_weights_as_stored, quantization_arguments
from mdllm.models.settings import LoraSettings
from mdllm.models.training import train as training_module
from mdllm.models.training.checkpoints import newest_checkpoint, read_state
from mdllm.models.training.objective import objective
from mdllm.models.training.train import collate
from models.pretrained_small import ROLLOUT, TRAINING, interrupt_training, model, run_rollout, run_training
from models.small import MODEL

bitsandbytes = pytest.importorskip("bitsandbytes", reason="NF4 and 8-bit AdamW are those of bitsandbytes")
FORMS = ["codes", "text"]
N = 3
NF4 = quantization_arguments("nf4", MistralConfig())


def prepared(form, folder, **changes):
    """The language and the untrained network of a form."""
    settings = model(folder, **changes)
    language = model_kind("pretrained").language(settings, form, 4, 12)
    torch.manual_seed(1)
    return language, build_model(settings, language, 200)


def some_window(language):
    frames = np.random.default_rng(0).integers(0, 12, (N + 1, 4))
    return torch.as_tensor(language.window(frames)[0])[None]


@torch.no_grad()
def logits(network, tokens):
    return network.eval()(tokens).logits


@pytest.mark.parametrize("form", FORMS)
def test_base_is_frozen_in_nf4_and_adapters_are_float32(with_base, form):
    _, network = prepared(form, with_base)
    quantized = [m for m in network.modules() if isinstance(m, bitsandbytes.nn.Linear4bit)]
    assert len(quantized) == 2 * 7
    for module in quantized:
        assert module.weight.quant_type == "nf4"
        assert module.weight.quant_state.nested
        assert module.compute_dtype == torch.bfloat16
        assert not module.support_avx512bf16_for_cpu
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    assert {p.dtype for p in trained.values()} == {torch.float32}
    rows = {name: p for name, p in trained.items() if "trainable_tokens" in name}
    assert {tuple(p.shape) for p in rows.values()} == ({(12, 64)} if form == "codes" else set())
    assert len(rows) == (2 if form == "codes" else 0)
    assert len(trained) - len(rows) == 2 * 7 * 2


def test_untrained_adapters_change_nothing(with_base):
    language, network = prepared("text", with_base)
    tokens = some_window(language)
    with network.disable_adapter():
        base = logits(network, tokens)
    assert torch.equal(logits(network, tokens), base)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_trained_network_comes_back_exactly(with_base, form, monkeypatch):
    """The network in memory after training, and the one loaded from its folder; also after saving it once more."""
    built = []
    monkeypatch.setattr(
        training_module, "build_model", lambda *arguments: built.append(build_model(*arguments)) or built[0]
    )
    one_validation = TRAINING.model_copy(update={"max_steps": 2})
    report = run_training(form, with_base, one_validation)
    assert report["steps"] == report["best_step"] == 2
    folder = with_base / "out/model"
    language = load_language(folder / "vocabulary.json")
    assert isinstance(language, TextLanguage) == (form == "text")
    tokens = some_window(language)
    expected = logits(extract_model_from_parallel(built[0], keep_fp32_wrapper=False), tokens)  # without autocast
    loaded = load_model(folder)
    assert torch.equal(logits(loaded, tokens), expected)
    with loaded.disable_adapter():
        assert not torch.equal(logits(loaded, tokens), expected)
    further = resume_model(folder)
    assert further.training
    network, tuned = (
        {name for name, weights in model.named_parameters() if weights.requires_grad} for model in (built[0], further)
    )
    assert tuned
    assert {name.removeprefix("module.") for name in network} == tuned
    assert torch.equal(logits(further.eval(), tokens), expected)
    loaded.save_pretrained(with_base / "again")
    again, first = (load_file(f / "adapter_model.safetensors") for f in (with_base / "again", folder))
    assert again.keys() == first.keys()
    assert all(torch.equal(again[key], first[key]) for key in first)
    assert {path.name for path in folder.iterdir()} == {
        *(
            "adapter_model.safetensors",
            "adapter_config.json",
            "kind.json",
            "pretrained.json",
            "training.json",
            "vocabulary.json",
        )
    }


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_killed_training_ends_with_the_same_adapter_and_rolls_out_valid_frames(with_base, base, form, tmp_path_factory):
    report = run_training(form, with_base)
    log = (with_base / "out/training_log.csv").read_bytes()
    killed = tmp_path_factory.mktemp("killed")
    shutil.copytree(base, killed / "base")
    shutil.copy(with_base / "codes.npz", killed)
    returned, messages = interrupt_training(form, killed, signal.SIGKILL)
    assert returned == -9, messages
    assert not (killed / "out").exists()
    resumed = run_training(form, killed)
    assert resumed["validation_loss"] == report["validation_loss"]
    assert (killed / "out/training_log.csv").read_bytes() == log
    name = "out/model/adapter_model.safetensors"
    assert (killed / name).read_bytes() == (with_base / name).read_bytes()

    run_rollout(form, with_base)
    result = read_npz(with_base / "rollout.npz")
    assert result["codes"].shape == (ROLLOUT.replicas, ROLLOUT.frames, 4)
    assert result["codes"].min() >= 0
    assert result["codes"].max() < 12
    assert (result["log_likelihood"] < 0).all()
    shutil.rmtree(with_base / "work_rollout/batch-00001")
    (with_base / "work_rollout/batch-00000/frames-00000004.npz").unlink()
    (with_base / "rollout.npz").rename(with_base / "first.npz")
    run_rollout(form, with_base)
    assert (with_base / "rollout.npz").read_bytes() == (with_base / "first.npz").read_bytes()


def tokens_per_code(language, series: CodeSeries) -> float:
    """Counted in the training windows, the instruction left out."""
    starts = split(series, N, 1, TRAINING.validation_share).training
    frames = [language.window(series.codes[start : start + N + 1])[1] for start in starts]
    return np.mean([(frame >= 0).sum() for frame in frames]) / ((N + 1) * series.residues)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_validation_loss_is_that_of_the_loaded_model(with_base, form):
    """In nats per code, window by window; bfloat16 rounds differently under autocast."""
    report = run_training(form, with_base, TRAINING.model_copy(update={"max_steps": 2}))
    language = load_language(with_base / "out/model/vocabulary.json")
    network, aim = load_model(with_base / "out/model"), objective(language, torch.device("cpu"))
    series = CodeSeries.load(with_base / "codes.npz")
    starts = split(series, N, 1, TRAINING.validation_share).validation
    losses = []
    for window in Windows(series.codes, language, N, starts, "last", False):
        batch = collate([window])
        losses.append(-aim.judged(logits(network, batch["input_ids"]), batch["labels"]).mean().item())
    assert report["validation_loss"] == pytest.approx(np.mean(losses), abs=0.01)
    logged = read_state(newest_checkpoint(with_base / "work_train")).log_history[0]["loss"]
    assert tokens_per_code(language, series) * logged == pytest.approx(
        pd.read_csv(with_base / "out/training_log.csv")["training_loss"][0], rel=1e-6
    )
    assert report["attention"] == "sdpa"


def test_a_codebook_beyond_the_reserved_ids_comes_back_too(with_base):
    settings = model(with_base)
    language = model_kind("pretrained").language(settings, "codes", 4, 800)
    torch.manual_seed(1)
    network = build_model(settings, language, 200)
    assert network.get_input_embeddings().weight.shape[0] == 32768 + 800
    network.save_pretrained(with_base / "checkpoint")
    model_kind("pretrained").keep(with_base / "checkpoint", settings, with_base / "out/model")
    language.save(with_base / "out/model/vocabulary.json")
    tokens = torch.as_tensor(language.window(np.arange(8).reshape(2, 4) * 100)[0])[None]
    assert torch.equal(logits(load_model(with_base / "out/model"), tokens), logits(network, tokens))


def test_without_quantization_the_base_is_bfloat16(with_base):
    _, network = prepared("codes", with_base, quantization="none")
    frozen = {p.dtype for p in network.parameters() if not p.requires_grad}
    assert frozen == {torch.bfloat16}


def test_a_base_stored_in_nf4_is_taken_as_it_is(with_base):
    language, network = prepared("text", with_base)
    expected = logits(network, some_window(language))
    stored = AutoModelForCausalLM.from_pretrained(with_base / "base", dtype=torch.bfloat16, **NF4)
    keep_weights_as_stored(stored)
    stored.save_pretrained(with_base / "stored")
    for path in (with_base / "base").glob("tokenizer*"):
        shutil.copy(path, with_base / "stored")
    shutil.rmtree(with_base / "base")
    (with_base / "stored").rename(with_base / "base")
    assert torch.equal(logits(prepared("text", with_base)[1], some_window(language)), expected)
    with pytest.raises(InputError, match=r"model\.quantization: none was asked for, but the base is quantized"):
        prepared("text", with_base, quantization="none")


def test_a_missing_base_says_which_folder_to_put_where(with_base):
    settings = model(with_base).model_copy(update={"base": "nobody/no-such-model"})
    with pytest.raises(InputError, match=r"model\.base 'nobody/no-such-model'(.|\n)*external/no-such-model"):
        model_kind("pretrained").language(settings, "text", 4, 12)


@pytest.mark.parametrize(
    ("missing", "message"),
    [("config.json", "lacks config.json"), ("model.safetensors", "lacks weights"), ("tokenizer*", "lacks tokenizer")],
)
def test_an_incomplete_base_is_named(with_base, missing, message):
    for path in (with_base / "base").glob(missing):
        path.unlink()
    with pytest.raises(InputError, match=message):
        run_training("text", with_base)


def test_another_base_than_that_of_training_is_refused(with_base):
    settings = model(with_base)
    language, network = prepared("text", with_base)
    network.save_pretrained(with_base / "checkpoint")
    model_kind("pretrained").keep(with_base / "checkpoint", settings, with_base / "out")
    language.save(with_base / "out/vocabulary.json")
    config = with_base / "base/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"rms_norm_eps": 1e-4}))
    with pytest.raises(InputError, match="was trained on another base"):
        load_model(with_base / "out")


def test_a_window_too_long_ends_before_the_base_is_loaded(with_base, monkeypatch):
    monkeypatch.setattr("mdllm.models.pretrained._load_base", lambda *_: pytest.fail("the base was loaded"))
    with pytest.raises(InputError, match=r"longest window has \d+ tokens \(4 residues, 12 codes\) .*max_length is 90"):
        run_training("text", with_base, max_length=90)


def test_attention_is_logged(with_base, caplog):
    caplog.set_level("INFO", logger="mdllm.models.pretrained")
    _, network = prepared("text", with_base)
    assert f"attention: {network.config._attn_implementation}" in caplog.text


@pytest.mark.parametrize(
    ("importable", "device", "expected"),
    [(True, "cuda", "flash_attention_2"), (False, "cuda", "sdpa"), (True, "cpu", "sdpa")],
)
def test_flash_attention_where_it_can_be_imported(monkeypatch, importable, device, expected):
    monkeypatch.setattr(pretrained, "is_flash_attn_2_available", lambda: importable)
    assert pretrained.chosen_attention(torch.device(device)) == expected


def test_absent_cuda_and_unknown_layers_are_named(with_base):
    with pytest.raises(InputError, match=r"model\.lora\.targets: the base has no layer c_attn"):
        prepared("text", with_base, lora=LoraSettings(targets=["q_proj", "c_attn"]))
    if not torch.cuda.is_available():
        settings = model(with_base).model_copy(update={"device": "cuda"})
        with pytest.raises(InputError, match=r"model\.device: cuda was asked for, but torch finds no GPU"):
            model_kind("pretrained").language(settings, "text", 4, 12)


def test_text_needs_a_pretrained_model():
    with pytest.raises(InputError, match=r"language\.form: text needs a pretrained model"):
        model_kind("mistral").language(MODEL, "text", 4, 12)
