"""The next frame of many replicas at once, in text: a grammar admits what is drawn, and a count of codes ends a frame.

Axes: R replicas, N context frames, L residues, K codebook size, P tokens of the longest context, V token ids.
"""

import numpy as np
import torch
from transformers import PreTrainedModel, StaticCache

from mdllm.config.settings.stages import RolloutSettings
from mdllm.language.text.grammar import END
from mdllm.language.text.language import TextLanguage
from mdllm.models.likelihood import symbol_log_probabilities
from mdllm.models.rollout.generation import GeneratedFrame
from mdllm.models.rollout.sampling import draw, tempered_entropy, truncated


class TextFrameGenerator:
    """Draws frames symbol by symbol; temperature, top-k and top-p act on what the grammar admits.

    Contexts of different lengths are filled up on the left with tokens that nothing attends to. The context is computed
    anew for every frame, as in `FrameGenerator`.
    """

    def __init__(self, model: PreTrainedModel, language: TextLanguage, context_frames: int, settings: RolloutSettings):
        self.model, self.language, self.settings = model, language, settings
        self.draws = language.residues * language.longest_code
        self.cache = StaticCache(model.config, max_cache_len=len(language.prompt) + (context_frames + 1) * self.draws)
        self.ends = np.array([language.end_of(residue) for residue in range(language.residues)])

    @torch.inference_mode()
    def next_frame(
        self, context: np.ndarray, uniforms: np.ndarray, temperature: np.ndarray | None = None
    ) -> GeneratedFrame:
        """The frame that follows `context` (R, N, L), drawn with `uniforms` (R, draws); R is the same in every call.

        Args:
            temperature: (R,) one for each replica; None: that of the settings.
        """
        replicas, residues = len(context), self.language.residues
        grammar = self.language.grammar
        codes = np.zeros((replicas, residues), np.int32)
        done = np.zeros(replicas, int)  # codes that are complete
        state = np.zeros(replicas, int)
        log_likelihood, entropy, tempered = np.zeros((3, replicas))
        own = None if temperature is None else torch.as_tensor(temperature, device=self.model.device)
        logits = self.prefill(context)
        for column in uniforms.T:
            running = done < residues
            ends = self.ends[np.minimum(done, residues - 1)]
            log_p = symbol_log_probabilities(logits, state, ends, self.language)
            chosen = draw(
                truncated(log_p, self.settings, own),
                torch.as_tensor(column, device=logits.device),
            )
            symbol = chosen.cpu().numpy()
            log_likelihood += np.where(running, log_p.gather(-1, chosen[:, None])[:, 0].cpu().numpy(), 0)
            entropy += np.where(running, torch.special.entr(log_p.exp()).sum(-1).cpu().numpy(), 0)
            if own is not None:
                tempered += np.where(running, tempered_entropy(log_p, own).cpu().numpy(), 0)
            complete = running & (symbol == END)
            codes[complete, done[complete]] = state[complete] - 1
            state = grammar.following[state, symbol]
            done += complete
            if (done == residues).all():
                return GeneratedFrame(codes, log_likelihood, entropy, temperature, None if own is None else tempered)
            logits = self.step(np.where(symbol == END, ends, np.append(self.language.digits, 0)[symbol]))
        raise AssertionError("a frame has at most as many symbols as there are draws")

    def prefill(self, context: np.ndarray) -> torch.Tensor:
        """Logits (R, V) after `context` (R, N, L); the cache holds the context afterwards."""
        windows = [self.language.window(frames)[0] for frames in context]
        longest = max(map(len, windows))
        tokens = np.stack([np.pad(window, (longest - len(window), 0)) for window in windows])
        lengths = np.array([len(window) for window in windows])[:, None]
        self.cache.reset()
        self.mask = np.arange(longest) >= longest - lengths
        return self._forward(tokens, np.maximum(np.arange(longest) - longest + lengths, 0))

    def step(self, tokens: np.ndarray) -> torch.Tensor:
        """Logits (R, V) after one more token of each replica, `tokens` (R,)."""
        positions = self.mask.sum(1, keepdims=True)
        self.mask = np.pad(self.mask, ((0, 0), (0, 1)), constant_values=True)
        return self._forward(tokens[:, None], positions)

    def _forward(self, tokens: np.ndarray, positions: np.ndarray) -> torch.Tensor:
        device = self.model.device
        output = self.model(
            torch.as_tensor(tokens, device=device),
            attention_mask=torch.as_tensor(self.mask, device=device).long(),
            position_ids=torch.as_tensor(positions, device=device),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]
