"""SeqDance and ESMDance: an encoder of the shape of ESM2, a head for residues and one for pairs.

Axes: B proteins, T tokens, D width of the encoder, A attention maps (layers times heads), H hidden size of pairs.
"""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import EsmConfig, EsmModel

from mdllm.seqdance.families import PAIR, PAIR_FAMILIES, RESIDUE, RESIDUE_FAMILIES, activated, logits_of
from mdllm.seqdance.settings import SeqDanceNetworkSettings
from mdllm.seqdance.tokens import MASK, PAD, VOCABULARY

# Tokens that rotary positions and masks are made for; longer sequences are predicted in windows.
MOST_TOKENS = 1026


@dataclass(frozen=True)
class Output:
    """What a network says of a batch.

    Attributes:
        residue: (B, T, 50) and pair: (B, T, T, 13), in the order of `mdllm.seqdance.families`.
        embedding: (B, T, D), the encoder's last layer.
        attention: (B, T, T, A), after softmax, first the heads of the first layer.
    """

    residue: torch.Tensor
    pair: torch.Tensor
    embedding: torch.Tensor
    attention: torch.Tensor


def encoder_config(settings: SeqDanceNetworkSettings) -> EsmConfig:
    """ESM2 (Lin et al., Science 379, 1123, 2023) of the size of `settings`; by default that of its 35M."""
    return EsmConfig(
        vocab_size=len(VOCABULARY),
        mask_token_id=MASK,
        pad_token_id=PAD,
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=settings.feed_forward,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        max_position_embeddings=MOST_TOKENS,
        layer_norm_eps=1e-5,
        position_embedding_type="rotary",
        emb_layer_norm_before=False,
        token_dropout=True,
    )


def _block(width: int, out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Dropout(dropout), nn.Linear(width, out)
    )


class PairHead(nn.Module):
    """Logits (B, T, T, 13) from embeddings (B, T, D) and attention maps (B, T, T, A).

    The pair (i, j) is Linear(2 D, H) of [q_j * k_i, q_j - k_i]. Its products are summed without the array
    (B, T, T, 2 D), which for 1,024 tokens would take 4 GB a protein.
    """

    def __init__(self, width: int, maps: int, dropout: float):
        super().__init__()
        self.queries_keys = _block(width, 2 * width, dropout)
        self.hidden = nn.Linear(2 * width, width // 2)
        self.out = nn.Linear(width // 2 + maps, len(PAIR))

    def forward(self, embedding: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
        queries, keys = self.queries_keys(embedding).chunk(2, -1)
        products, differences = self.hidden.weight.chunk(2, -1)  # (H, D) each
        weighted = keys[:, :, None] * products  # (B, T, H, D)
        pairs = torch.einsum("bihd,bjd->bijh", weighted, queries)
        pairs = pairs + (queries @ differences.T)[:, None] - (keys @ differences.T)[:, :, None] + self.hidden.bias
        return self.out(torch.cat([nn.functional.gelu(pairs), attention.to(pairs.dtype)], -1))


class DanceNetwork(nn.Module):
    """Encoder and heads.

    Args:
        config: of the encoder.
        dropout: in the heads.
        symmetric: the maps (i, j) and (j, i) are averaged before the output function; False: as in the paper.
        frozen: the encoder is not trained and always in evaluation mode (ESMDance).
    """

    def __init__(self, config: EsmConfig, dropout: float, symmetric: bool, frozen: bool):
        super().__init__()
        config._attn_implementation = "eager"  # others do not return attention maps
        self.encoder = EsmModel(config, add_pooling_layer=False)
        self.encoder.contact_head.requires_grad_(False)  # part of ESM2 which nothing here asks
        maps = config.num_hidden_layers * config.num_attention_heads
        self.residue_head = _block(config.hidden_size, len(RESIDUE), dropout)
        self.pair_head = PairHead(config.hidden_size, maps, dropout)
        self.symmetric, self.frozen = symmetric, frozen
        if frozen:
            self.encoder.requires_grad_(False)

    @torch.no_grad()
    def start_at(self, residue: torch.Tensor, pair: torch.Tensor) -> None:
        """Set the last biases to these means (50,) and (13,), so that a new network varies about them; NaN: 0."""
        for layer, means, families in (
            (self.residue_head[-1], residue, RESIDUE_FAMILIES),
            (self.pair_head.out, pair, PAIR_FAMILIES),
        ):
            layer.bias.copy_(logits_of(means, families).nan_to_num())

    def train(self, mode: bool = True) -> "DanceNetwork":
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def encode(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embedding (B, T, D) and attention maps (B, T, T, A) of token ids (B, T)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            found = self.encoder(tokens, attention_mask=(tokens != PAD).long(), output_attentions=True)
            return found.last_hidden_state, torch.cat(found.attentions, 1).permute(0, 2, 3, 1)

    def forward(self, tokens: torch.Tensor) -> Output:
        """Properties of token ids (B, T); `<pad>` fills up shorter sequences."""
        embedding, attention = self.encode(tokens)
        residue = self.residue_head(embedding)
        pair = self.pair_head(embedding, attention)
        if self.symmetric:
            pair = (pair + pair.transpose(1, 2)) / 2
        # Output functions in single precision: the shares of a softmax in half precision do not add up to one.
        return Output(
            activated(residue.float(), RESIDUE_FAMILIES), activated(pair.float(), PAIR_FAMILIES), embedding, attention
        )


def seqdance(settings: SeqDanceNetworkSettings) -> DanceNetwork:
    """A network with random weights: Xavier, those of queries, keys and values by a gain of 1 / sqrt(2)."""
    network = DanceNetwork(encoder_config(settings), settings.dropout, settings.symmetric, frozen=False)
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            attends = name.rsplit(".", 1)[-1] in ("query", "key", "value")
            nn.init.xavier_uniform_(module.weight, gain=2**-0.5 if attends else 1.0)
            nn.init.zeros_(module.bias)
    return network


def esmdance(encoder: EsmModel, dropout: float, symmetric: bool) -> DanceNetwork:
    """Heads with random weights on an encoder that stays as it is."""
    network = DanceNetwork(encoder.config, dropout, symmetric, frozen=True)
    network.encoder.load_state_dict(encoder.state_dict())
    return network
