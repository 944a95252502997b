"""Drawing codes: temperature, top-k, top-p, epsilon cutoff, then the inverse of the cumulative distribution.

The order is that of transformers' `generate`. The uniform numbers come from outside, so that a draw depends on
(seed, replica, frame) alone. Axes: R replicas, L residues, K codebook size.
"""

import numpy as np
import torch

from mdllm.config.settings.stages import RolloutSettings


def truncated_probabilities(
    log_probabilities: torch.Tensor, temperature: float | torch.Tensor, top_k: int, top_p: float, epsilon_cutoff: float
) -> torch.Tensor:
    """Probabilities (R, K), float64, that codes are drawn from, given the model's `log_probabilities` (R, K).

    After division by the temperature the `top_k` most probable codes stay, and of these the smallest set whose
    probability reaches `top_p` (Holtzman et al., arXiv 1904.09751), and of these the ones that then have a probability
    of at least `epsilon_cutoff` (Hewitt et al., arXiv 2210.15191), or else the most probable one. Of equally probable
    codes the lower one goes first.
    """
    scaled = log_probabilities.double() / temperature
    ordered, order = scaled.sort(dim=-1, descending=True, stable=True)
    ordered = ordered[..., :top_k].softmax(-1)
    before = ordered.cumsum(-1) - ordered
    kept = ordered * (before < top_p)
    kept = kept / kept.sum(-1, keepdim=True)
    kept[..., 1:] *= kept[..., 1:] >= epsilon_cutoff
    probabilities = torch.zeros_like(scaled).scatter(-1, order[..., :top_k], kept)
    return probabilities / probabilities.sum(-1, keepdim=True)


def truncated(
    log_probabilities: torch.Tensor, settings: RolloutSettings, temperature: torch.Tensor | None = None
) -> torch.Tensor:
    """`truncated_probabilities` as the config section `rollout` says, or at a temperature (R,) of each replica."""
    chosen = settings.temperature if temperature is None else temperature[:, None]
    return truncated_probabilities(log_probabilities, chosen, settings.top_k, settings.top_p, settings.epsilon_cutoff)


def tempered_entropy(log_probabilities: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
    """Entropy (R,) in nats of conditionals (R, K) at a temperature (R,) of each."""
    return torch.special.entr((log_probabilities.double() / temperature[:, None]).softmax(-1)).sum(-1)


def draw(probabilities: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Codes (R,) by inverse CDF from `probabilities` (R, K) and `uniforms` (R,) in [0, 1); none of probability zero."""
    cumulative = probabilities.cumsum(-1)
    target = uniforms[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True)[:, 0]


class FrameUniforms:
    """Uniform numbers (R, count) of generated frames; row r of a frame depends on (seed, replicas[r], frame) only.

    They are drawn for blocks of frames at once: a generator costs more to seed than to draw from.
    """

    BLOCK = 64

    def __init__(self, seed: int, replicas: np.ndarray, count: int):
        self.seed, self.replicas, self.count = seed, replicas.tolist(), count
        self._block, self._draws = -1, np.empty(0)

    def of(self, frame: int) -> np.ndarray:
        """Uniform numbers (R, count) of a frame."""
        block, row = divmod(frame, self.BLOCK)
        if block != self._block:
            generators = [
                np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, replica, block])))
                for replica in self.replicas
            ]
            self._draws = np.stack([generator.random((self.BLOCK, self.count)) for generator in generators])
            self._block = block
        return self._draws[:, row]


def frame_uniforms(seed: int, replicas: np.ndarray, frame: int, count: int) -> np.ndarray:
    """Uniform numbers (R, count) of one frame, as `FrameUniforms` gives them."""
    return FrameUniforms(seed, replicas, count).of(frame)
