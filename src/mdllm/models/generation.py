"""The next frame of many replicas at once, in tokens of codes: the prefix computed once, then one token per residue.

Axes: R replicas, N context frames, L residues, K codebook size, V token ids.
"""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel, StaticCache

from mdllm.core.settings import RolloutSettings
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.likelihood import code_log_probabilities
from mdllm.models.sampling import draw, truncated_probabilities


@dataclass(frozen=True)
class GeneratedFrame:
    """One frame of each replica.

    Attributes:
        codes: (R, L) int32.
        log_likelihood: (R,) log-probability of the frame, nats: the sum over its tokens under the model's whole
            conditional over what may stand there (codes, or symbols of the grammar), at temperature 1 and without top-k
            and top-p.
        entropy: (R,) entropy of these conditionals, summed over tokens, nats.
    """

    codes: np.ndarray
    log_likelihood: np.ndarray
    entropy: np.ndarray


class FrameGenerator:
    """Draws frames from a model, through one static cache of keys and values that all frames reuse.

    The context is computed anew for every frame. Dropping the oldest frame from the cache instead would leave keys and
    values that have seen it, which is not the conditional that was trained.
    """

    def __init__(self, model: PreTrainedModel, vocabulary: Vocabulary, context_frames: int, settings: RolloutSettings):
        self.model, self.vocabulary, self.settings = model, vocabulary, settings
        self.ids = torch.as_tensor(vocabulary.ids, device=model.device)
        self.draws = vocabulary.residues
        self.cache = StaticCache(model.config, max_cache_len=(context_frames + 1) * vocabulary.residues)

    @torch.inference_mode()
    def next_frame(self, context: np.ndarray, uniforms: np.ndarray) -> GeneratedFrame:
        """The frame that follows `context` (R, N, L), drawn with `uniforms` (R, L); R is the same in every call."""
        draws = torch.as_tensor(uniforms, device=self.model.device)
        codes, log_likelihood, entropy = [], 0.0, 0.0
        logits = self.prefill(context)
        for residue in range(self.vocabulary.residues):
            if residue:
                logits = self.step(residue - 1, codes[-1])
            log_p = code_log_probabilities(logits, self.ids[residue]).double()
            chosen = draw(
                truncated_probabilities(log_p, self.settings.temperature, self.settings.top_k, self.settings.top_p),
                draws[:, residue],
            )
            codes.append(chosen)
            log_likelihood = log_likelihood + log_p.gather(-1, chosen[:, None])[:, 0]
            entropy = entropy - (log_p.exp() * log_p).sum(-1)
        return GeneratedFrame(
            torch.stack(codes, dim=1).cpu().numpy().astype(np.int32),
            log_likelihood.cpu().numpy(),
            entropy.cpu().numpy(),
        )

    def prefill(self, context: np.ndarray) -> torch.Tensor:
        """Logits (R, V) of the first residue after `context` (R, N, L); the cache holds the context afterwards."""
        self.cache.reset()
        return self._forward(torch.as_tensor(self.vocabulary.encode(context), device=self.model.device))

    def step(self, residue: int, codes: torch.Tensor) -> torch.Tensor:
        """Logits (R, V) of the residue after `residue`, which has `codes` (R,)."""
        return self._forward(self.ids[residue, codes][:, None])

    def _forward(self, tokens: torch.Tensor) -> torch.Tensor:
        output = self.model(tokens, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        return output.logits[:, -1]
