"""Structures in few bytes for a page, which unpacks only what a reader looks at.

Coordinates are whole steps. Of each frame its differences from the mean structure are taken, and of these the changes
along the chain: neighbours move together, so what is left is small. N is told from C of the residue before, CA from N,
C from CA, and O from the three around it. Blocks of `FRAMES_A_BLOCK` frames are deflated one by one.
"""

import base64
import itertools
import zlib
from dataclasses import dataclass

import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.geometry import CA, C, N, O

FRAMES_A_BLOCK = 32
_LARGEST = 2**15 - 1  # steps that sixteen bits hold


@dataclass(frozen=True)
class Packed:
    """Structures as `templates/structures.js` unpacks them.

    Attributes:
        reference: in steps (L, 4, 3).
        deflated: blocks one after the other, as bytes.
        ends: of each block in `deflated`.
    """

    reference: np.ndarray
    deflated: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, backbone: np.ndarray, step_nm: float) -> "Packed":
        """Pack backbones (F, L, 4, 3) in nm that lie on each other.

        Raises:
            InputError: a residue is further from its mean than sixteen bits hold.
        """
        reference = np.round(backbone.mean(axis=0, dtype=float) / step_nm).astype(np.int32)
        blocks = []
        for first in range(0, len(backbone), FRAMES_A_BLOCK):
            steps = np.round(backbone[first : first + FRAMES_A_BLOCK] / step_nm).astype(np.int32)
            changes = along_chain(steps - reference)
            if (far := np.abs(changes).max(axis=(1, 2, 3))).max() > _LARGEST:
                raise InputError(
                    f"frame {first + int(far.argmax())} of the page: an atom lies {far.max() * step_nm:.0f} nm from "
                    "where its neighbours suggest; its structure has fallen apart"
                )
            blocks.append(_deflated(changes))
        ends = np.cumsum([len(block) for block in blocks])
        return cls(reference, np.frombuffer(b"".join(blocks), np.uint8), ends)

    def texts(self) -> list[str]:
        """Each block in base64."""
        raw = self.deflated.tobytes()
        starts = [0, *self.ends.tolist()]
        return [base64.b64encode(raw[start:end]).decode() for start, end in itertools.pairwise(starts)]


def along_chain(steps: np.ndarray) -> np.ndarray:
    """What the neighbours in the chain do not tell of differences (F, L, 4, 3), whole numbers."""
    left = steps.copy()
    left[:, 1:, N] -= steps[:, :-1, C]
    left[:, :, CA] -= steps[:, :, N]
    left[:, :, C] -= steps[:, :, CA]
    following = np.concatenate([steps[:, 1:, N], steps[:, -1:, C]], axis=1)
    around = steps[:, :, CA] + following - 2 * steps[:, :, C]
    left[:, :, O] -= steps[:, :, C] - ((3 * around) >> 2)
    return left


def _deflated(changes: np.ndarray) -> bytes:
    """0, -1, 1, -2 ... as 0, 1, 2, 3 ..., all low bytes first and then all high bytes, which are mostly 0."""
    unsigned = ((changes << 1) ^ (changes >> 31)).astype(np.uint16).ravel()
    raw = (unsigned & 255).astype(np.uint8).tobytes() + (unsigned >> 8).astype(np.uint8).tobytes()
    compressor = zlib.compressobj(9, strategy=zlib.Z_RLE)
    return compressor.compress(raw) + compressor.flush()
