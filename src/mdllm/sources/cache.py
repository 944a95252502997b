"""Where downloads are kept: a place of the machine, which is no part of a result's identity."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder that MDLLM_CACHE names; without it `.cache/mdllm` in the working directory."""
    return Path(os.environ.get("MDLLM_CACHE", ".cache/mdllm"))
