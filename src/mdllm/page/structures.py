"""Structures as text for a page: whole steps, compressed, in base64."""

import base64
import zlib

import numpy as np


def packed(structures: dict[str, np.ndarray], step_nm: float) -> dict:
    """What the script of a page unpacks: differences of every frame from a reference, in steps.

    A difference is written as an unsigned number, 0, -1, 1, -2 ... as 0, 1, 2, 3 ..., all low bytes first and then
    all high bytes, which are mostly 0; then deflate.

    Args:
        structures: `structures.npz` of `mdllm.page.sample`: differences (F, L, 4, 3) and the reference (L, 4, 3) in nm.
    """
    steps = structures["differences"].astype(np.int32)
    unsigned = ((steps << 1) ^ (steps >> 31)).astype(np.uint16).ravel()
    raw = (unsigned & 255).astype(np.uint8).tobytes() + (unsigned >> 8).astype(np.uint8).tobytes()
    return {
        "frames": len(steps),
        "step_nm": step_nm,
        "reference_nm": np.round(structures["reference"].astype(float).ravel(), 4).tolist(),
        "deflated": base64.b64encode(zlib.compress(raw, 9)).decode(),
    }
