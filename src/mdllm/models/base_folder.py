"""Where a pretrained base lies on this machine, and whether it is still the same one."""

import errno
import hashlib
import json
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError

from mdllm.core.errors import InputError
from mdllm.core.records import sha256

_FILES = ["config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*"]


def find_base(base: str, revision: str | None = None) -> Path:
    """The folder of `model.base`: itself, or that of the Hugging Face cache, filled from the hub where there is one.

    Args:
        revision: branch, tag or commit on the hub; None: its main branch.

    Raises:
        InputError: no such folder, cache entry or hub; files are missing in it; or a revision of a folder is asked for.
    """
    folder = Path(base)
    if folder.is_dir():
        if revision is not None:
            raise InputError(
                f"model.revision: '{revision}' has no effect, since model.base '{base}' is a folder; leave it out, or "
                "name a model on the hub"
            )
    else:
        try:
            folder = Path(snapshot_download(base, revision=revision, allow_patterns=_FILES))
        except (OSError, HFValidationError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            at, option = ("", "") if revision is None else (f" at '{revision}'", f" --revision {revision}")
            raise InputError(
                f"model.base '{base}'{at} is no folder, is not in the local Hugging Face cache, and could not be "
                f"fetched ({type(error).__name__}). On a machine with a network run `hf download {base}{option} "
                f"--local-dir external/{folder.name}`, copy that folder (config.json, *.safetensors, tokenizer.json) "
                f"to external/{folder.name} in the working directory here, and set model.base to it, without a revision"
            ) from error
    for pattern, what in (("config.json",) * 2, ("*.safetensors", "weights as *.safetensors"), ("tokenizer*",) * 2):
        if not any(folder.glob(pattern)):
            raise InputError(f"model.base: the folder {folder} lacks {what}; download the base again, all of it")
    return folder


def commit(folder: Path) -> str | None:
    """The commit of the hub that a base's folder holds; None for a folder outside of the Hugging Face cache."""
    return folder.name if folder.parent.name == "snapshots" else None


def checksum(folder: Path) -> str:
    """One SHA-256 of the base's config, weights and tokenizer: their names and contents."""
    files = sorted({path for pattern in _FILES for path in folder.glob(pattern)})
    listing = json.dumps([[path.name, sha256(path)] for path in files])
    return hashlib.sha256(listing.encode()).hexdigest()
