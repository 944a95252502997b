"""FoldToken4 as a tokenizer: the released network of the MD-LLM-1 paper, used by path and never changed.

The network is trained already, so `fit` only chooses the pose in which frames are shown to it: the training frame
nearest to the mean structure. Every frame is laid on that reference before it is encoded, and after it is decoded.
O is rebuilt from N, CA and C, since one backbone is (L, 3, 3) here.

Sources: FoldToken4, bioRxiv 10.1101/2024.08.04.606514; its use on trajectories: MD-LLM-1, arXiv 2508.03709.
Axes: F frames, L residues, K = 2^level codes.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.geometry import superpose, with_oxygen
from mdllm.tokenizers.base import Tokenizer
from mdllm.tokenizers.foldtoken4.chains import chain_numbers
from mdllm.tokenizers.foldtoken4.files import FoldToken4Files
from mdllm.tokenizers.foldtoken4.network import FoldToken4Network
from mdllm.tokenizers.foldtoken4.resume import ChunkedWork

_MEAN_ROUNDS = 5
_SETTINGS = ("checkout", "weights", "config", "level", "device", "decoder_seed", "resume_folder")


class FoldToken4(Tokenizer):
    """Args:
    files: the checked set-up.
    reference: backbone (L, 3, 3) in nm, float64.
    chains: chain of each residue (L,), from 1.
    values: the settings named in `_SETTINGS`.
    """

    name: ClassVar[str] = "foldtoken4"

    def __init__(self, files: FoldToken4Files, reference: np.ndarray, chains: np.ndarray, values: dict):
        self.reference, self.chains = reference, chains
        self.codebook_size = 2 ** values["level"]
        self.network = FoldToken4Network(files, values["level"], values["device"])
        self._checksums, self._settings = files.checksums, values
        self._work = ChunkedWork(
            values["resume_folder"],
            {
                "checksums": files.checksums,
                "level": values["level"],
                "device": self.network.device.type,
                "chains": chains.tolist(),
                "reference": reference.tolist(),
            },
        )

    @classmethod
    def fit(cls, backbone, settings, seed):
        """Choose the reference and check the set-up; nothing is drawn, so `seed` is not used.

        Raises:
            InputError: files, level or device are wrong, or a chain has a gap.
        """
        reference = central_frame(backbone)
        chains = chain_numbers(reference, settings.chains)
        values = {key: getattr(settings, key) for key in _SETTINGS}
        return cls(_find(values, settings.weights_checksum), reference, chains, values)

    def encode(self, backbone):
        """See `Tokenizer.encode`.

        Raises:
            InputError: coordinates are not finite; names frames and residues, counted from 1 within `backbone`.
        """
        bad = np.argwhere(~np.isfinite(backbone).all((2, 3)))
        if len(bad):
            listed = ", ".join(f"frame {frame + 1} residue {residue + 1}" for frame, residue in bad[:10])
            raise InputError(f"coordinates are not finite: {listed} ({len(bad)} residues in all)")
        return self._work.map("encode", self._encode, backbone)

    def decode(self, codes, rng=None):
        """Backbones (F, L, 3, 3) in nm, float32, of codes (F, L), laid on the reference.

        The decoder refines random coordinates. Without `rng` they are the same for every frame (`decoder_seed`), so
        that equal codes give equal structures; with `rng` each frame has its own, drawn from it: the stochastic
        decoder.

        Raises:
            InputError: the codes are those of another tokenizer or protein.
        """
        if codes.shape[1] != len(self.reference) or codes.min() < 0 or codes.max() >= self.codebook_size:
            raise InputError(
                f"codes {codes.shape} in {codes.min()}-{codes.max()} are not those of {len(self.reference)} residues "
                f"and {self.codebook_size} codes: they come from another tokenizer"
            )
        if rng is None:
            seeds = np.full(len(codes), self._settings["decoder_seed"], np.int64)
        else:
            seeds = rng.integers(2**63 - 1, size=len(codes))
        return self._work.map("decode", self._decode, codes, seeds)

    def arrays(self):
        return {"reference": self.reference, "chains": self.chains}

    def values(self):
        return {**self._settings, "checksums": self._checksums}

    @classmethod
    def build(cls, arrays, values):
        """The inverse of `arrays` and `values`.

        Raises:
            InputError: a file is gone, or is not the one that the tokenizer was fitted with.
        """
        settings = {key: values[key] for key in _SETTINGS}
        files = _find(settings)
        files.require(values["checksums"])
        return cls(files, arrays["reference"], arrays["chains"], settings)

    def _encode(self, backbone: np.ndarray) -> np.ndarray:
        aligned = superpose(backbone.astype(np.float64), self.reference)
        chains = np.split(aligned, np.flatnonzero(np.diff(self.chains)) + 1, axis=1)
        atoms = np.concatenate([with_oxygen(chain) for chain in chains], axis=1)  # (F, L, 4, 3)
        return np.stack([self.network.encode(frame, self.chains) for frame in atoms])

    def _decode(self, codes: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        pairs = zip(codes, seeds.tolist(), strict=True)
        decoded = np.stack([self.network.decode(frame, self.chains, seed)[:, :3] for frame, seed in pairs])
        return superpose(decoded.astype(np.float64), self.reference).astype(np.float32)


def central_frame(backbone: np.ndarray) -> np.ndarray:
    """The frame (L, 3, 3) of (F, L, 3, 3) nearest to the mean of all, centred on the origin, float64."""
    mean = backbone[0].astype(np.float64)
    for _ in range(_MEAN_ROUNDS):
        aligned = superpose(backbone.astype(np.float64), mean)
        mean = aligned.mean(0)
    nearest = aligned[((aligned - mean) ** 2).sum((1, 2, 3)).argmin()]
    return nearest - nearest.mean((0, 1))


def _find(values: dict, checksum: str | None = None) -> FoldToken4Files:
    config = None if values["config"] is None else Path(values["config"])
    return FoldToken4Files.find(Path(values["checkout"]), Path(values["weights"]), config, values["level"], checksum)
