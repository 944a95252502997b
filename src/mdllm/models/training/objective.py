"""What training minimizes and what validation reports, for each of the two languages.

Axes: R windows, T tokens, L residues, V token ids.
"""

from typing import Protocol

import torch
from torch.nn import functional

from mdllm.core.errors import InputError
from mdllm.language.forms import Language
from mdllm.language.text.language import TextLanguage
from mdllm.language.vocabulary import Vocabulary
from mdllm.language.windows import IGNORED
from mdllm.models.likelihood import symbol_log_probabilities, token_log_probabilities, window_loss


class Objective(Protocol):
    """Both methods take logits (R, T, V) and labels (R, T), each label predicted one position earlier."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor, counted: torch.Tensor | int | None) -> torch.Tensor:
        """Negative log-probability in nats per label; `counted`: number of labels to divide by, if not this batch's."""

    def judged(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Log-probabilities (R, ...) of the judged frames, in nats, whose mean is that per code."""


class CodeObjective:
    """Only codes compete for a position, in training and in validation."""

    def __init__(self, vocabulary: Vocabulary, device: torch.device, judged_frames: int):
        self.tokens = judged_frames * vocabulary.residues
        self.ids = torch.as_tensor(vocabulary.ids, device=device)

    def loss(self, logits, labels, counted):
        return window_loss(logits, labels, self.ids, counted)

    def judged(self, logits, labels):
        allowed = self.ids.repeat(self.tokens // len(self.ids), 1)
        return token_log_probabilities(logits[:, -self.tokens - 1 : -1], labels[:, -self.tokens :], allowed)


class TextObjective:
    """Training over all tokens, as any text is trained; validation over what the grammar admits.

    A frame's probability is then that with which rollout draws it, and comparable with that of other models of codes.
    """

    def __init__(self, language: TextLanguage):
        self.language = language

    def loss(self, logits, labels, counted):
        logits, labels = logits[:, :-1].float(), labels[:, 1:]
        summed = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")
        return summed / ((labels != IGNORED).sum() if counted is None else counted)

    def judged(self, logits, labels):
        totals = []
        for row, tokens in zip(logits, labels, strict=True):
            positions = (tokens != IGNORED).nonzero()[:, 0]
            codes = self.language.decode(tokens[positions].cpu().numpy())[-1]
            frame = self.language.spell(codes)
            before = row[positions[-len(frame.symbols) :] - 1]
            log_p = symbol_log_probabilities(before, frame.states, frame.ends, self.language)
            chosen = torch.as_tensor(frame.symbols, device=log_p.device)[:, None]
            totals.append(log_p.gather(-1, chosen).sum() / self.language.residues)
        return torch.stack(totals)


def objective(language: Language, device: torch.device, judged_frames: int = 1) -> Objective:
    """The objective of a language; in text, validation judges the last frame of a window."""
    if isinstance(language, TextLanguage):
        if judged_frames > 1:
            raise InputError("language.judged_frames: text is judged by the last frame of a window; set it to 1")
        return TextObjective(language)
    return CodeObjective(language, device, judged_frames)
