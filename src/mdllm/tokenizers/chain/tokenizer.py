"""The tokenizer `chain`: one code per residue and frame, with the same meaning in every protein.

Each residue is the rigid frame of its N, CA, C. Its code is the step from the residue before, of a codebook that comes
with mdllm: nothing about the protein is learned but the geometry inside of its residues and where its chain has gaps.
A frame that looks nothing like those it was fitted on is therefore coded as well as any other. On the other hand, a
wrong code turns all that follows it.

Codes are the same after any rigid motion of a frame, up to the rounding of the coordinates.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mdllm.core.geometry import peptide_bonds
from mdllm.tokenizers.base import Tokenizer
from mdllm.tokenizers.chain.codebook import Codebook, jumps, shipped_steps
from mdllm.tokenizers.chain.coding import Coder, chunks
from mdllm.tokenizers.chain.settings import ChainSettings
from mdllm.tokenizers.input_checks import check_backbone, check_codes
from mdllm.tokenizers.rigid.poses import compose, local_atoms, poses_of, relative, rotations_from_vectors
from mdllm.tokenizers.rigid.quantization import spread_per_code
from mdllm.tokenizers.rigid.reference import align, mean_backbone
from mdllm.tokenizers.rigid.restoration import peptide_lengths, restore_peptides

# The spread within a code is taken from so many residues, of frames evenly spread over the training frames.
_SPREAD_RESIDUES = 20_000


@dataclass(frozen=True, eq=False)
class Chain(Tokenizer):
    """Steps along the chain."""

    name: ClassVar[str] = "chain"
    coder: Coder
    local: np.ndarray  # (L, 3, 3) mean N, CA, C in the residue's own frame, nm
    peptide: np.ndarray  # (L-1, 4, 2) see `peptide_lengths`
    spread: np.ndarray  # (K, 6) standard deviation of the training poses about their code: 3 in nm, 3 in radian

    @property
    def codebook_size(self) -> int:
        return len(self.coder.steps)

    @classmethod
    def fit(cls, backbone: np.ndarray, settings: ChainSettings, seed: int) -> "Chain":
        """Take the geometry of residues and gaps from training frames, backbone (F, L, 3, 3) in nm.

        Raises:
            InputError: a bad backbone.
        """
        coder = coder_of(backbone, settings)
        aligned = align(backbone, coder.reference)
        peptide = peptide_lengths(aligned)
        peptide[coder.starts[1:] - 1, :, 1] = np.inf
        frames, residues = backbone.shape[:2]
        chosen = np.linspace(0, frames - 1, min(frames, -(-_SPREAD_RESIDUES // residues))).round().astype(int)
        coded = [coder.encode(*poses_of(chunk)) for chunk in chunks(aligned[chosen])]
        codes = np.concatenate([codes for codes, _, _ in coded])
        errors = [relative(rebuilt, true) for _, rebuilt, true in coded]
        spread = spread_per_code(
            codes, *(np.concatenate(parts, axis=-1) for parts in zip(*errors, strict=True)), len(coder.steps)
        )
        return cls(coder, local_atoms(aligned), peptide, spread)

    def encode(self, backbone: np.ndarray) -> np.ndarray:
        """Codes (F, L), int32 in [0, K), of backbones (F, L, 3, 3) in nm.

        Raises:
            InputError: another number of residues than in the training frames, or coordinates that are not finite.
        """
        check_backbone(backbone, len(self.local))
        return self.coder.codes(backbone)

    def decode(self, codes: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Backbones (F, L, 3, 3), float32 in nm, of codes (F, L), laid on the training reference.

        With `rng`, each residue's pose is drawn from a normal distribution with the spread of its code, about the
        centre that it has without.

        Raises:
            InputError: codes that are not this tokenizer's.
        """
        check_codes(codes, len(self.local), self.codebook_size)
        return np.concatenate([self._decoded(chunk, rng) for chunk in chunks(codes)])

    def _decoded(self, codes: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        pose = self.coder.decode(codes)
        if rng is not None:
            drawn = self.spread[codes] * rng.standard_normal((*codes.shape, 6))
            turns = rotations_from_vectors(drawn[..., 3:])
            pose = compose(pose, (np.transpose(turns, (1, 2, 3, 0)), np.transpose(drawn[..., :3], (1, 2, 0))))
        atoms = restore_peptides(*pose, np.ones((codes.shape[1], len(codes))), self.local, self.peptide)
        return align(np.transpose(atoms, (3, 0, 1, 2)), self.coder.reference).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        coder = self.coder
        return {
            "reference_nm": coder.reference,
            "starts": coder.starts,
            "local_nm": self.local,
            "peptide_nm": self.peptide,
            "steps": coder.steps.vectors(),
            "jumps": coder.jumps.vectors(),
            "code_spread": self.spread,
        }

    def values(self) -> dict:
        return {"beam": self.coder.beam, "step_weight": self.coder.step_weight}

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "Chain":
        steps, jumped = (Codebook.of_vectors(arrays[name]) for name in ("steps", "jumps"))
        coder = Coder(steps, jumped, arrays["reference_nm"], arrays["starts"], **values)
        return cls(coder, arrays["local_nm"], arrays["peptide_nm"], arrays["code_spread"])


def coder_of(backbone: np.ndarray, settings: ChainSettings) -> Coder:
    """The coder of a protein with the frames backbone (F, L, 3, 3) in nm; raises InputError for a bad backbone."""
    check_backbone(backbone)
    reference = mean_backbone(backbone)
    gap = ~peptide_bonds(align(backbone, reference)).all(axis=0)
    return Coder(
        shipped_steps(settings.codebook_size),
        jumps(settings.codebook_size),
        reference,
        np.concatenate([[0], np.flatnonzero(gap) + 1]),
        settings.beam,
        settings.step_weight,
    )
