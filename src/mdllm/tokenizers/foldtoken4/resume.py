"""Work in chunks that an interrupted stage finds again: one file per finished chunk, named by all that went into it.

The name is a digest, so nothing stale is ever found, and stages, variants and machines may share the folder. It is no
declared output: delete it when the run is complete.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mdllm.core.records import digest, read_npz, write_npz

_CHUNK = 64


class ChunkedWork:
    """Applies a function to chunks of frames.

    Args:
        folder: where finished chunks are kept, made if it is not there; None: nowhere.
        identity: JSON-serializable content; chunks made under another identity are not found.
    """

    def __init__(self, folder: Path | None, identity: dict):
        self._folder = None if folder is None else Path(folder)
        self._identity = digest(identity)

    def map(self, name: str, function: Callable[..., np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        """``function(*inputs)``, chunk by chunk along the first axis (F) of all inputs and of the result.

        `name` tells functions of one identity apart. At least one frame is needed.
        """
        chunks = range(0, len(inputs[0]), _CHUNK)
        return np.concatenate(
            [self._chunk(name, function, [array[start : start + _CHUNK] for array in inputs]) for start in chunks]
        )

    def _chunk(self, name: str, function: Callable[..., np.ndarray], inputs: list[np.ndarray]) -> np.ndarray:
        if self._folder is None:
            return function(*inputs)
        path = self._folder / f"{name}_{self._key(name, inputs)}.npz"
        if path.is_file():
            return read_npz(path)["result"]
        result = function(*inputs)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_npz(path, result=result)
        return result

    def _key(self, name: str, inputs: list[np.ndarray]) -> str:
        state = hashlib.sha256(f"{self._identity} {name}".encode())
        for array in inputs:
            state.update(f"{array.shape} {array.dtype}".encode())
            state.update(np.ascontiguousarray(array))
        return state.hexdigest()[:32]
