"""Where a pretrained base lies on this machine, and whether it is still the same one."""

import hashlib
import json
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError

from mdllm.core.errors import InputError
from mdllm.core.records import sha256

_FILES = ["config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*"]


def find_base(base: str) -> Path:
    """The folder of `model.base`: itself, or that of the Hugging Face cache, filled from the hub where there is one.

    Raises:
        InputError: no such folder, cache entry or hub; or files are missing in it.
    """
    folder = Path(base)
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(base, allow_patterns=_FILES))
        except (OSError, HFValidationError) as error:
            raise InputError(
                f"model.base '{base}' is no folder, is not in the local Hugging Face cache, and could not be fetched "
                f"({type(error).__name__}). On a machine with a network run `hf download {base} --local-dir "
                f"external/{folder.name}`, copy that folder (config.json, *.safetensors, tokenizer.json) to "
                f"external/{folder.name} in the working directory here, and set model.base to it"
            ) from error
    for pattern, what in (("config.json",) * 2, ("*.safetensors", "weights as *.safetensors"), ("tokenizer*",) * 2):
        if not any(folder.glob(pattern)):
            raise InputError(f"model.base: the folder {folder} lacks {what}; download the base again, all of it")
    return folder


def checksum(folder: Path) -> str:
    """One SHA-256 of the base's config, weights and tokenizer: their names and contents."""
    files = sorted({path for pattern in _FILES for path in folder.glob(pattern)})
    listing = json.dumps([[path.name, sha256(path)] for path in files])
    return hashlib.sha256(listing.encode()).hexdigest()
