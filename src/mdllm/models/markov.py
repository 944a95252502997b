"""A reversible Markov state model of the codes, behind the interface of transformers' language models.

It is estimated by deeptime (Hoffmann et al., Mach. Learn.: Sci. Technol. 3, 015009, 2022) rather than trained: the
maximum-likelihood reversible transition matrix (Trendelkamp-Schroer et al., J. Chem. Phys. 143, 174101, 2015) at a lag.
Where a frame has several codes, each residue has a chain of its own.

Axes: F frames, L residues, K codebook size, R replicas or windows, T tokens, V = L K token ids.
"""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from mdllm.core.errors import InputError
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import ModelKind
from mdllm.models.settings import MarkovSettings

logger = logging.getLogger(__name__)


class MarkovConfig(PretrainedConfig):
    model_type = "mdllm_markov"

    def __init__(self, residues: int = 1, codebook_size: int = 2, lag: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.residues, self.codebook_size, self.lag = residues, codebook_size, lag


@dataclass
class LastFrame:
    """The last L tokens (R, L) at most; None before the first."""

    tokens: torch.Tensor | None = None

    def reset(self) -> None:
        self.tokens = None


class MarkovForCausalLM(PreTrainedModel):
    config_class = MarkovConfig

    def __init__(self, config: MarkovConfig):
        super().__init__(config)
        size = config.codebook_size
        self.log_transition = nn.Parameter(torch.zeros(config.residues, size, size), requires_grad=False)
        self.log_stationary = nn.Parameter(torch.zeros(config.residues, size), requires_grad=False)
        self.post_init()

    def _init_weights(self, module) -> None:
        """Nothing is drawn at random."""

    @property
    def frames_per_step(self) -> int:
        """MD frames by which a generated frame advances."""
        return self.config.lag

    def new_cache(self, tokens: int) -> LastFrame:
        """What `past_key_values` takes."""
        return LastFrame()

    def estimate(self, codes: np.ndarray, stretches: np.ndarray) -> dict:
        """Estimate all chains from codes (F, L); frames with equal `stretches` (F,) follow each other.

        Codes outside of the largest connected set are left out: nothing leads there, and from there the next code is
        drawn from the stationary distribution.

        Returns:
            share of the frames that the connected sets hold, the smallest over residues.

        Raises:
            InputError: a lag as long as every stretch.
        """
        # Every job with any model reads this module, and deeptime takes seconds to import.
        from deeptime.markov import TransitionCountEstimator
        from deeptime.markov.msm import MaximumLikelihoodMSM

        borders = np.flatnonzero(np.diff(stretches)) + 1
        lag = self.config.lag
        longest = int(np.diff([0, *borders, len(codes)]).max())
        if longest <= lag:
            raise InputError(
                f"model.lag: {lag} frames, but the longest contiguous stretch of training frames has {longest}"
            )
        shares = []
        for residue, column in enumerate(codes.T):
            parts = [part for part in np.split(column, borders) if len(part) > lag]
            counts = TransitionCountEstimator(lag, "sliding", n_states=self.config.codebook_size).fit_fetch(parts)
            model = MaximumLikelihoodMSM(reversible=True).fit_fetch(counts.submodel_largest())
            kept = model.count_model.state_symbols
            shares.append(float(np.isin(column, kept).mean()))
            stationary = np.zeros(self.config.codebook_size)
            stationary[kept] = model.stationary_distribution
            transition = np.tile(stationary, (self.config.codebook_size, 1))
            transition[np.ix_(kept, kept)] = model.transition_matrix
            self.log_transition[residue] = torch.as_tensor(transition).log()
            self.log_stationary[residue] = torch.as_tensor(stationary).log()
        if min(shares) < 1:
            logger.warning("the largest connected set of codes holds %.4g of the frames", min(shares))
        return {"share_kept": min(shares)}

    def forward(
        self,
        input_ids: torch.Tensor,
        past_key_values: LastFrame | None = None,
        use_cache: bool = False,
        logits_to_keep: int = 0,
    ) -> CausalLMOutputWithPast:
        """Log-probabilities (R, T, V) of the token after each of `input_ids` (R, T), given the frame before it."""
        residues, size = self.config.residues, self.config.codebook_size
        cache = past_key_values or LastFrame()
        history = input_ids if cache.tokens is None else torch.cat([cache.tokens, input_ids], dim=1)
        cache.tokens = history[:, -residues:]
        first = -logits_to_keep if logits_to_keep else -input_ids.shape[1]
        ends = torch.arange(history.shape[1], device=history.device)[first:]  # of the tokens that are continued
        following = (history[0, ends] // size + 1) % residues
        before = ends + 1 - residues  # the same residue in the frame before
        codes = history[:, before.clamp(min=0)] % size
        rows = torch.where(
            (before >= 0)[None, :, None], self.log_transition[following, codes], self.log_stationary[following]
        )
        logits = torch.zeros(*codes.shape, residues, size, device=rows.device)
        logits[:, torch.arange(len(ends)), following] = rows
        return CausalLMOutputWithPast(logits=logits.flatten(2))


def build(settings: MarkovSettings, vocabulary: Vocabulary, positions: int) -> MarkovForCausalLM:
    """A chain that is not estimated yet."""
    return MarkovForCausalLM(MarkovConfig(vocabulary.residues, vocabulary.codebook_size, settings.lag))


AutoConfig.register(MarkovConfig.model_type, MarkovConfig, exist_ok=True)
AutoModelForCausalLM.register(MarkovConfig, MarkovForCausalLM, exist_ok=True)
KIND = ModelKind(build=build)
