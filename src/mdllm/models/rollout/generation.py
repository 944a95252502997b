"""The next frame of many replicas at once, in tokens of codes: the prefix computed once, then one token per residue.

Axes: R replicas, N context frames, L residues, K codebook size, V token ids.
"""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from mdllm.config.settings.stages import RolloutSettings
from mdllm.core.errors import InputError
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import new_cache
from mdllm.models.likelihood import code_log_probabilities
from mdllm.models.rollout.sampling import draw, tempered_entropy, truncated


@dataclass(frozen=True)
class GeneratedFrame:
    """One frame of each replica.

    Attributes:
        codes: (R, L) int32.
        log_likelihood: (R,) log-probability of the frame, nats: the sum over its tokens under the model's whole
            conditional over what may stand there (codes, or symbols of the grammar), at temperature 1 and without top-k
            and top-p.
        entropy: (R,) entropy of these conditionals, summed over tokens, nats.
        temperature: (R,) that the frame was drawn at, where its entropy is held; else None.
        tempered_entropy: (R,) as `entropy`, at this temperature; likewise.
    """

    codes: np.ndarray
    log_likelihood: np.ndarray
    entropy: np.ndarray
    temperature: np.ndarray | None = None
    tempered_entropy: np.ndarray | None = None


class FrameGenerator:
    """Draws frames from a model, through one static cache of keys and values that all frames reuse.

    The context is computed anew for every frame. Dropping the oldest frame from the cache instead would leave keys and
    values that have seen it, which is not the conditional that was trained.
    """

    def __init__(self, model: PreTrainedModel, vocabulary: Vocabulary, context_frames: int, settings: RolloutSettings):
        self.model, self.vocabulary, self.settings = model, vocabulary, settings
        self.ids = torch.as_tensor(vocabulary.ids, device=model.device)
        self.draws = vocabulary.residues
        self.cache = new_cache(model, (context_frames + 1) * vocabulary.residues)

    @torch.inference_mode()
    def next_frame(
        self, context: np.ndarray, uniforms: np.ndarray, temperature: np.ndarray | None = None
    ) -> GeneratedFrame:
        """The frame that follows `context` (R, N, L), drawn with `uniforms` (R, L); R is the same in every call.

        Args:
            temperature: (R,) one for each replica; None: that of the settings.
        """
        draws = torch.as_tensor(uniforms, device=self.model.device)
        own = None if temperature is None else torch.as_tensor(temperature, device=self.model.device)
        codes, log_likelihood, entropy, tempered = [], 0.0, 0.0, 0.0
        logits = self.prefill(context)
        for residue in range(self.vocabulary.residues):
            if residue:
                logits = self.step(residue - 1, codes[-1])
            log_p = code_log_probabilities(logits, self.ids[residue]).double()
            chosen = draw(
                truncated(log_p, self.settings, own),
                draws[:, residue],
            )
            codes.append(chosen)
            log_likelihood = log_likelihood + log_p.gather(-1, chosen[:, None])[:, 0]
            entropy = entropy + torch.special.entr(log_p.exp()).sum(-1)
            if own is not None:
                tempered = tempered + tempered_entropy(log_p, own)
        return GeneratedFrame(
            torch.stack(codes, dim=1).cpu().numpy().astype(np.int32),
            log_likelihood.cpu().numpy(),
            entropy.cpu().numpy(),
            temperature,
            None if own is None else tempered.cpu().numpy(),
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


class GrowingContextGenerator(FrameGenerator):
    """Draws frames while the context grows from `keep_frames` to N frames, then cuts it back and computes it anew.

    Every context is one that training has shown (a window's first frames), if the loss counts all frames; and a frame
    costs about two tokens' worth of computing per residue rather than N. Where the context stands depends on the
    number of the frame alone, so that an interrupted rollout goes on with the same arithmetic.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        vocabulary: Vocabulary,
        context_frames: int,
        settings: RolloutSettings,
        first_frame: int,
    ):
        """`first_frame`: number of the first frame that will be drawn."""
        super().__init__(model, vocabulary, context_frames, settings)
        self.keep = settings.keep_frames
        self.period = context_frames - self.keep + 1
        self.number, self.filled = first_frame, False

    def prefill(self, context: np.ndarray) -> torch.Tensor:
        """Logits (R, V) of the first residue after `context` (R, N, L); only what is not in the cache is computed."""
        grown = self.number % self.period
        self.number += 1
        if self.filled and grown:
            return self.step(self.vocabulary.residues - 1, self._codes(context, -1, -1))
        self.filled = True
        frames = context.shape[1]
        logits = super().prefill(context[:, frames - self.keep - grown : frames - grown])
        for frame in range(frames - grown, frames):
            for residue in range(self.vocabulary.residues):
                logits = self.step(residue, self._codes(context, frame, residue))
        return logits

    def _codes(self, context: np.ndarray, frame: int, residue: int) -> torch.Tensor:
        return torch.as_tensor(context[:, frame, residue], device=self.model.device).long()


def frame_generator(
    model: PreTrainedModel, vocabulary: Vocabulary, context_frames: int, settings: RolloutSettings, first_frame: int
) -> FrameGenerator:
    """The generator that `settings.keep_frames` asks for.

    Raises:
        InputError: more frames to keep than there are in the context.
    """
    if settings.keep_frames is None:
        return FrameGenerator(model, vocabulary, context_frames, settings)
    if settings.keep_frames > context_frames:
        raise InputError(
            f"rollout.keep_frames {settings.keep_frames} is more than language.context_frames {context_frames}"
        )
    return GrowingContextGenerator(model, vocabulary, context_frames, settings, first_frame)
