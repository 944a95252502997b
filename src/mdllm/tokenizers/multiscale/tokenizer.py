"""The embedded default tokenizer: one code per residue and frame, with no weights to download.

Each residue is the rigid frame of its N, CA, C. Its pose is guessed from residues already rebuilt, and its code names
a small motion away from the guess, or, where the structure has left what the training frames show, a step of the
chain that holds for any protein. Encoding and decoding run over the same rebuilt poses (a closed loop, as in
differential pulse-code modulation), so quantization errors do not add up. At the end peptide bonds are restored.

Codes are the same after any rigid motion of a frame, up to the rounding of the coordinates: two frames that differ
in the last digit of a float32 may fall on two sides of a border between codes.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mdllm.core.errors import InputError
from mdllm.tokenizers.base import Tokenizer
from mdllm.tokenizers.input_checks import check_backbone, check_codes
from mdllm.tokenizers.multiscale.codebook import Codebook, chain_codes, spatial_codes
from mdllm.tokenizers.multiscale.coding import Coder, open_loop_motions
from mdllm.tokenizers.multiscale.scaffold import Scaffold, build_scaffold
from mdllm.tokenizers.rigid.poses import compose, poses_of, relative, rotations_from_vectors
from mdllm.tokenizers.rigid.quantization import spread_per_code
from mdllm.tokenizers.rigid.reference import align
from mdllm.tokenizers.rigid.restoration import restore_peptides

# Frames that are encoded or decoded together; results do not depend on it.
_CHUNK = 256
# Rounds of "learn the codebook from the motions, encode again"; the first learns from guesses from true poses.
_FIT_ROUNDS = 3
# The codebook is learned from so many residues, of frames evenly spread over the training frames.
_FIT_RESIDUALS = 20_000


@dataclass(frozen=True, eq=False)
class Multiscale(Tokenizer):
    """Multiscale quantizer of rigid residue frames.

    Settings:
        codebook_size: K, of which at least one spatial and one chain code.
        neighbours: rebuilt residues that a guess is made from.
        rotation_length_nm: a turn by t radian counts like a displacement by this times t.
        chain_share: share of the chain codes in K.
        chain_weight: weight of a residue's place as seen from its chain neighbours, against its place in space.
    """

    name: ClassVar[str] = "multiscale"
    coder: Coder
    spread: np.ndarray  # (K, 6) standard deviation of the training poses about their code: 3 in nm, 3 in radian

    @property
    def codebook_size(self) -> int:
        return len(self.coder.codebook)

    @classmethod
    def fit(cls, backbone: np.ndarray, settings, seed: int) -> "Multiscale":
        """Learn scaffold and codebook from training frames, backbone (F, L, 3, 3) in nm.

        Raises:
            InputError: a bad backbone, or fewer residues in all frames than spatial codes.
        """
        check_backbone(backbone)
        chain = min(max(1, round(settings.chain_share * settings.codebook_size)), settings.codebook_size - 1)
        spatial = settings.codebook_size - chain
        frames, residues = backbone.shape[:2]
        if frames * residues < spatial:
            raise InputError(
                f"{frames} training frames of {residues} residues are too few for {spatial} spatial codes: give at "
                f"least {-(-spatial // residues)} frames, or a smaller tokenizer.codebook_size"
            )
        rng = np.random.default_rng(seed)
        scaffold = build_scaffold(backbone, settings.neighbours)
        count = min(frames, max(1, -(-max(_FIT_RESIDUALS, spatial) // residues)))
        chosen = np.linspace(0, frames - 1, count).round().astype(int)
        rotation, origin = poses_of(align(backbone[chosen], scaffold.atoms))
        length = settings.rotation_length_nm
        steps = chain_codes(chain, length, rng)
        motions = open_loop_motions(scaffold, rotation, origin)
        by_guess = np.ones((count, residues), bool)
        for _ in range(_FIT_ROUNDS):
            members = [np.moveaxis(part, -1, 0)[by_guess] for part in motions]
            learned = spatial_codes(*members, spatial, length, rng)
            codebook = Codebook(*(np.concatenate(pair) for pair in zip(learned, steps, strict=True)), spatial)
            coder = Coder(scaffold, codebook, length, settings.chain_weight)
            codes, rebuild, motions = coder.encode(rotation, origin)
            by_guess = codes < spatial
        errors = relative((rebuild.rotation, rebuild.origin), (rotation, origin))
        return cls(coder, spread_per_code(codes, *errors, settings.codebook_size))

    def encode(self, backbone: np.ndarray) -> np.ndarray:
        """Codes (F, L), int32 in [0, K), of backbones (F, L, 3, 3) in nm.

        Raises:
            InputError: another number of residues than in the training frames, or coordinates that are not finite.
        """
        scaffold = self.coder.scaffold
        check_backbone(backbone, len(scaffold.origin))
        codes = np.empty(backbone.shape[:2], np.int32)
        for start in range(0, len(backbone), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            codes[chunk] = self.coder.encode(*poses_of(align(backbone[chunk], scaffold.atoms)))[0]
        return codes

    def decode(self, codes: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Backbones (F, L, 3, 3), float32 in nm, of codes (F, L), in the pose of the training reference.

        With `rng`, each residue's pose is drawn from a normal distribution with the spread of its code, about the
        centre that it has without.

        Raises:
            InputError: codes that are not this tokenizer's.
        """
        scaffold = self.coder.scaffold
        check_codes(codes, len(scaffold.origin), self.codebook_size)
        backbone = np.empty((*codes.shape, 3, 3), np.float32)
        for start in range(0, len(codes), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            rebuild = self.coder.decode(codes[chunk])
            pose = rebuild.rotation, rebuild.origin
            if rng is not None:
                pose = compose(pose, self._draw(codes[chunk], rng))
            atoms = restore_peptides(*pose, rebuild.trust, scaffold.local, scaffold.peptide)
            backbone[chunk] = np.transpose(atoms, (3, 0, 1, 2))
        return backbone

    def _draw(self, codes: np.ndarray, rng: np.random.Generator):
        """Random small motions, poses (L, 3, 3, F), (L, 3, F), for codes (F, L)."""
        drawn = self.spread[codes] * rng.standard_normal((*codes.shape, 6))
        turns = rotations_from_vectors(drawn[..., 3:])
        return np.transpose(turns, (1, 2, 3, 0)), np.transpose(drawn[..., :3], (1, 2, 0))

    def arrays(self) -> dict[str, np.ndarray]:
        scaffold, codebook = self.coder.scaffold, self.coder.codebook
        return {
            "reference_rotation": scaffold.rotation,
            "reference_origin_nm": scaffold.origin,
            "local_nm": scaffold.local,
            "peptide_nm": scaffold.peptide,
            "anchors": scaffold.anchors,
            "neighbours": scaffold.neighbours,
            "code_rotation": codebook.rotation,
            "code_origin_nm": codebook.origin,
            "code_spread": self.spread,
        }

    def values(self) -> dict:
        return {
            "spatial_codes": self.coder.codebook.spatial,
            "rotation_length_nm": self.coder.rotation_length,
            "chain_weight": self.coder.chain_weight,
        }

    @classmethod
    def build(cls, arrays: dict[str, np.ndarray], values: dict) -> "Multiscale":
        scaffold = Scaffold(
            rotation=arrays["reference_rotation"],
            origin=arrays["reference_origin_nm"],
            local=arrays["local_nm"],
            peptide=arrays["peptide_nm"],
            anchors=arrays["anchors"],
            neighbours=arrays["neighbours"],
        )
        codebook = Codebook(arrays["code_rotation"], arrays["code_origin_nm"], values["spatial_codes"])
        coder = Coder(scaffold, codebook, values["rotation_length_nm"], values["chain_weight"])
        return cls(coder, arrays["code_spread"])
