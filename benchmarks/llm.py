"""A training step and a rollout frame of the pretrained model, as text and as codes. Writes records/llm.json.

The network has the shape of Mistral-7B-v0.3 with random weights: nothing is downloaded. It is written to a temporary
folder (14.5 GB) and goes through the code of the product: NF4 where bitsandbytes is installed, else bfloat16, LoRA,
gradient checkpointing. A window has 11 frames, of about 9000 tokens as text and 1804 as codes. MFU counts 4 N FLOP per
token for forward pass and gradient of activations (the base's weights have no gradients), and attention; N leaves out
the embedding; what checkpointing computes twice is not counted.

``python benchmarks/llm.py`` needs a GPU; ``--small`` runs the same code on a CPU with a tiny shape.
"""

import argparse
import importlib.metadata
import importlib.util
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from record import write_record
from transformers import MistralConfig, MistralForCausalLM

from mdllm.config.settings.stages import RolloutSettings
from mdllm.language.text.language import TextLanguage
from mdllm.language.vocabulary import Vocabulary
from mdllm.language.windows import Windows
from mdllm.models.pretrained import build
from mdllm.models.rollout.generation import FrameGenerator
from mdllm.models.rollout.sampling import frame_uniforms
from mdllm.models.rollout.text_generation import TextFrameGenerator
from mdllm.models.settings import PretrainedSettings
from mdllm.models.training.objective import objective
from mdllm.models.training.train import collate

CONTEXT_FRAMES, CODEBOOK_SIZE, BATCH, SEED = 10, 256, 2, 0
TEXT_RESIDUES, CODE_RESIDUES = 226, 164  # 11 frames: about 9000 text tokens, 1804 code tokens
SEVEN_B = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
PEAK_FLOPS = {"A100": 312e12, "H100": 989e12, "H200": 989e12}
"""Dense bfloat16, from the vendor's data sheets (SXM)."""


def write_base(folder: Path, shape: dict, device: str) -> MistralConfig:
    """Random bfloat16 weights of a shape, with the vocabulary of Mistral's v3 tokenizer."""
    config = MistralConfig(
        vocab_size=32768, max_position_embeddings=32768, sliding_window=None, tie_word_embeddings=False, **shape
    )
    torch.manual_seed(SEED)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        MistralForCausalLM(config).save_pretrained(folder)
    torch.set_default_dtype(torch.float32)
    (folder / "tokenizer.json").write_text("{}\n")  # never read: the languages below name their ids
    return config


def languages(small: bool) -> dict:
    """Both languages, with ids such as the v3 tokenizer has."""
    text_residues, code_residues = (6, 6) if small else (TEXT_RESIDUES, CODE_RESIDUES)
    digits = np.arange(29502, 29512)
    text = TextLanguage(text_residues, CODEBOOK_SIZE, np.arange(1000, 1080), digits, 29473, 781, 32768)
    return {"text": text, "codes": Vocabulary.shared(np.arange(14, 14 + CODEBOOK_SIZE), code_residues, 32768)}


def flop_per_token(config: MistralConfig, tokens: int) -> float:
    """4 N + attention of one token in a window of `tokens`, each attending to half of them on average."""
    head = config.hidden_size // config.num_attention_heads
    attention = 2 * config.hidden_size**2 + 2 * config.hidden_size * config.num_key_value_heads * head
    layer = attention + 3 * config.hidden_size * config.intermediate_size
    parameters = config.num_hidden_layers * layer + config.vocab_size * config.hidden_size
    return 4 * parameters + 3 * 2 * tokens * config.hidden_size * config.num_hidden_layers


def seconds(action, device: torch.device, rounds: int) -> float:
    """Median duration of `action` over some rounds after a first one."""
    durations = []
    for _ in range(rounds + 1):
        started = time.monotonic()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize()
        durations.append(time.monotonic() - started)
    return statistics.median(durations[1:])


def peak_memory_gb(device: torch.device) -> float | None:
    return round(torch.cuda.max_memory_allocated() / 1e9, 2) if device.type == "cuda" else None


def random_codes(language) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, CODEBOOK_SIZE, (CONTEXT_FRAMES + 2, language.residues))


def windows_of(language) -> dict[str, torch.Tensor]:
    """A batch of random windows."""
    windows = Windows(random_codes(language), language, CONTEXT_FRAMES, np.arange(BATCH), "all", False)
    return collate(list(windows))


def measure(settings: PretrainedSettings, language, config: MistralConfig, rounds: int) -> dict:
    """One training step (2 windows, forward, backward, update) and one rollout frame of one replica."""
    batch = windows_of(language)
    windows, tokens = batch["input_ids"].shape
    network = build(settings, language, tokens)
    network.gradient_checkpointing_enable({"use_reentrant": False})
    network.train()
    device = network.device
    batch = {key: value.to(device) for key, value in batch.items()}
    aim = objective(language, device)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = optimizer_of(trained)

    def step():
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(batch["input_ids"], use_cache=False).logits
        aim.loss(logits, batch["labels"], None).backward()
        optimizer.step()
        optimizer.zero_grad()

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    step_s = seconds(step, device, rounds)
    step_memory = peak_memory_gb(device)
    per_s = windows * tokens / step_s
    peak = next((flops for name, flops in PEAK_FLOPS.items() if name in device_name(device)), None)

    network.gradient_checkpointing_disable()
    network.eval()
    make = TextFrameGenerator if isinstance(language, TextLanguage) else FrameGenerator
    generator = make(network, language, CONTEXT_FRAMES, RolloutSettings())
    context = random_codes(language)[None, :CONTEXT_FRAMES]
    uniforms = frame_uniforms(SEED, np.arange(1), 0, generator.draws)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    frame_s = seconds(lambda: generator.next_frame(context, uniforms), device, rounds)
    return {
        "residues": language.residues,
        "tokens_per_window": tokens,
        "trained_parameters": sum(parameter.numel() for parameter in trained),
        "attention": network.config._attn_implementation,
        "training_step_s": round(step_s, 3),
        "training_tokens_per_s": round(per_s, 1),
        "training_windows_per_s": round(windows / step_s, 3),
        "training_mfu": None if peak is None else round(per_s * flop_per_token(config, tokens) / peak, 3),
        "training_peak_memory_gb": step_memory,
        "rollout_frame_s": round(frame_s, 3),
        "rollout_peak_memory_gb": peak_memory_gb(device),
    }


def optimizer_of(parameters: list) -> torch.optim.Optimizer:
    if importlib.util.find_spec("bitsandbytes") is None:
        return torch.optim.AdamW(parameters, lr=2e-4)
    import bitsandbytes

    return bitsandbytes.optim.AdamW8bit(parameters, lr=2e-4)


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tiny shape on the CPU; writes records/llm_small.json")
    parser.add_argument("--rounds", type=int, default=3, help="repeats of which the median counts, after a first one")
    arguments = parser.parse_args()
    small, rounds = arguments.small, arguments.rounds
    if not small and not torch.cuda.is_available():
        sys.exit("benchmarks/llm.py measures the 7B shape and needs a GPU, and torch finds none; --small needs none")
    device = "cpu" if small else "cuda"
    if small:
        torch.set_num_threads(1)
    quantization = "nf4" if importlib.util.find_spec("bitsandbytes") else "none"
    results = {
        "device": device_name(torch.device(device)),
        "quantization": quantization,
        "windows_per_step": BATCH,
        "rounds": rounds,
    }
    for name in ("peft", "bitsandbytes", "flash_attn"):
        results[name] = importlib.metadata.version(name) if importlib.util.find_spec(name) else None
    with tempfile.TemporaryDirectory() as folder:
        config = write_base(Path(folder), SMALL if small else SEVEN_B, device)
        settings = PretrainedSettings(
            name="pretrained", base=folder, quantization=quantization, max_length=9200, device=device
        )
        for name, language in languages(small).items():
            results[name] = measure(settings, language, config, rounds)
    ratio = results["codes"]["training_windows_per_s"] / results["text"]["training_windows_per_s"]
    results["windows_per_s_codes_over_text"] = round(ratio, 2)
    write_record("llm_small" if small else "llm", results)


if __name__ == "__main__":
    main()
