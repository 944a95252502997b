"""A pretrained base in miniature: Mistral's own v3 tokenizer, and a two-layer Mistral with random weights.

The tokenizer file comes from the wheel of mistral-common, which is fetched once and never installed.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
import torch
from transformers import LlamaTokenizer, MistralConfig, MistralForCausalLM

WHEEL = "mistral-common==1.13.1"
MEMBER = "mistral_common/data/mistral_instruct_tokenizer_240323.model.v3"
SHA256 = "9addc8bdce5988448ae81b729336f43a81262160ae8da760674badab9d4c7d33"


def tokenizer_file(cache: Path) -> Path:
    """The sentencepiece file of the v3 tokenizer, in `cache`."""
    path = cache / "packages" / WHEEL.replace("==", "-") / "tokenizer.model"
    if not path.is_file():
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, WHEEL]
            if subprocess.run(command, capture_output=True).returncode:
                pytest.skip(f"the tokenizer of Mistral is not cached, and {WHEEL} is not to be had from pip")
            (wheel,) = Path(scratch).iterdir()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(zipfile.ZipFile(wheel).read(MEMBER))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    return path


def read_tokenizer(cache: Path) -> LlamaTokenizer:
    """Mistral's v3 tokenizer."""
    for name in ("sentencepiece", "google.protobuf"):
        pytest.importorskip(name, reason="the tokenizer file of Mistral is read with sentencepiece and protobuf")
    return LlamaTokenizer.from_pretrained(tokenizer_file(cache).parent)


def write_base(folder: Path, cache: Path) -> None:
    """A Hugging Face folder with config, bfloat16 weights and tokenizer."""
    tokenizer = read_tokenizer(cache)
    tokenizer.save_pretrained(folder)
    config = MistralConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=None,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    MistralForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
