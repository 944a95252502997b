"""Checks of what comes into an embedded tokenizer, with messages that say what to mend."""

import numpy as np

from mdllm.core.errors import InputError


def check_backbone(backbone: np.ndarray, residues: int | None = None) -> np.ndarray:
    """The backbone (F, L, 3, 3), if it is one.

    Raises:
        InputError: wrong shape, no frames, a number of residues other than `residues`, or coordinates that are not
            finite.
    """
    if backbone.ndim != 4 or backbone.shape[2:] != (3, 3) or backbone.shape[1] == 0:
        raise InputError(
            f"a backbone has the shape (frames, residues, 3 atoms N CA C, 3), not {tuple(backbone.shape)}; leave out O"
        )
    if residues is not None and backbone.shape[1] != residues:
        raise InputError(
            f"the frames have {backbone.shape[1]} residues, but the tokenizer was fitted on {residues}; "
            "prepare both with the same selection"
        )
    if not np.isfinite(backbone).all():
        frame, residue = np.argwhere(~np.isfinite(backbone))[0, :2]
        raise InputError(
            f"frame {frame}, residue {residue} (both counted from 0) has a coordinate that is not finite; "
            "remove the frame or repair the trajectory"
        )
    return backbone


def check_codes(codes: np.ndarray, residues: int, codebook_size: int) -> np.ndarray:
    """The codes (F, L), if they are codes of this tokenizer.

    Raises:
        InputError: wrong shape, no integers, or a code outside [0, codebook_size).
    """
    if codes.ndim != 2 or codes.shape[1] != residues:
        raise InputError(
            f"codes have the shape (frames, {residues} residues) for this tokenizer, not {tuple(codes.shape)}"
        )
    if not np.issubdtype(codes.dtype, np.integer):
        raise InputError(f"codes are integers, not {codes.dtype}; a rollout's codes are in its array 'codes'")
    outside = (codes < 0) | (codes >= codebook_size)
    if outside.any():
        frame, residue = np.argwhere(outside)[0]
        raise InputError(
            f"frame {frame}, residue {residue} (both counted from 0) has the code {codes[frame, residue]}; this "
            f"tokenizer has codes 0 to {codebook_size - 1}: decode with the tokenizer that wrote the codes"
        )
    return codes
