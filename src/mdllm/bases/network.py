"""The network of a base: from views to log-probabilities of steps, and to where within its code a step lies.

Four parts of the logit of a code are added: the statistics of the two residue types that the step joins; what
surroundings say, a residual network on the view, whose output meets an embedding of the code, part of which is the
code's own pose; how well the pose that the code leads to lets the chain reach its anchor in the residues that are left;
and whether its CB would stand well beside the neighbours, a table by residue types and distance. So geometry need not
be learned code by code.

Axes: B rows, K codes, M neighbours, D width.
"""

import math

import torch
from torch import nn

from mdllm.bases.views import (
    BETA_CARBON_NM,
    CODES_AROUND,
    CODES_LEFT,
    LARGEST_DISTANCE,
    LARGEST_OFFSET,
    NO_RESIDUE,
    TYPES_AROUND,
    Views,
)
from mdllm.tokenizers.chain.codebook import Codebook

_TYPES = NO_RESIDUE + 1
_TYPE_WIDTH = 24
_BINS, _BIN_NM = 24, 0.05  # of the distance between CB and CB
_REACH_WIDTH = 24
_OFFSET_WIDTH = 128
_OFFSET_NM, _OFFSET_RAD = 0.02, 0.1  # about what offsets are
_RADIAL = 8
_STEP_NM = 0.38  # between neighbouring CA


class _Residual(nn.Module):
    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 3 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(3 * width, width),
        )
        nn.init.zeros_(self.layers[-1].weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class BaseNetwork(nn.Module):
    """Logits (B, K) of `Views`, and offsets within codes.

    Args:
        steps: the codebook, K codes; K itself stands for a hidden code.
        width: D, at least 8; what reads codes around, codes to the left and neighbours is D / 8, D / 4 and D / 4 wide.
        blocks: residual blocks.
        dropout: in these.
    """

    def __init__(self, steps: Codebook, width: int, blocks: int, dropout: float):
        super().__init__()
        self.codes = len(steps)
        points = torch.from_numpy(steps.points()).float()
        standard = (points - points.mean(0)) / points.std(0)
        self.register_buffer("points", torch.cat([standard, torch.zeros(1, 12)]), persistent=False)
        self.register_buffer("rotation", torch.from_numpy(steps.rotation).float(), persistent=False)
        self.register_buffer("origin", torch.from_numpy(steps.origin).float(), persistent=False)
        around, left, neighbour = width // 8, width // 4, width // 4
        beta = self.origin + self.rotation @ torch.tensor(BETA_CARBON_NM)
        self.register_buffer("beta", beta, persistent=False)

        self.code = nn.Embedding(self.codes + 1, width)
        nn.init.normal_(self.code.weight, std=0.02)
        self.code_pose = nn.Linear(12, width, bias=False)
        self.residue_type = nn.Embedding(_TYPES, _TYPE_WIDTH)
        self.types_around = nn.Linear((2 * TYPES_AROUND + 1) * _TYPE_WIDTH, width)
        self.narrow_around, self.narrow_left = nn.Linear(width, around), nn.Linear(width, left)
        self.codes_around = nn.Linear((2 * CODES_AROUND + 1) * around, width)
        self.codes_left = nn.Linear(CODES_LEFT * left, width)
        self.distance = nn.Embedding(LARGEST_DISTANCE + 2, width)  # the last one: no anchor
        self.anchor = nn.Sequential(nn.Linear(16, width), nn.GELU(), nn.Linear(width, width))
        self.neighbour_type = nn.Embedding(_TYPES, neighbour)
        self.neighbour_offset = nn.Embedding(2 * LARGEST_OFFSET + 1, neighbour)
        self.neighbour_place = nn.Linear(6 + _RADIAL, neighbour)
        self.neighbour = nn.Sequential(nn.GELU(), nn.Linear(neighbour, neighbour), nn.GELU())
        self.neighbours = nn.Linear(neighbour, width)
        self.blocks = nn.Sequential(*(_Residual(width, dropout) for _ in range(blocks)))
        self.normal, self.out = nn.LayerNorm(width), nn.Linear(width, width)

        self.pair_statistics = nn.Embedding(_TYPES * _TYPES, self.codes)
        nn.init.zeros_(self.pair_statistics.weight)
        self.contact = nn.Parameter(torch.zeros(_TYPES * _TYPES * _BINS))
        self.nearness = nn.Parameter(torch.tensor([-1.0, -3.0]))
        self.reach_pose = nn.Linear(12, _REACH_WIDTH)
        self.reach_length = nn.Linear(2 + _RADIAL, _REACH_WIDTH, bias=False)
        self.reach_distance = nn.Embedding(LARGEST_DISTANCE + 1, _REACH_WIDTH)
        self.reach = nn.Linear(_REACH_WIDTH, 1, bias=False)

        self.offset_state = nn.Linear(width, _OFFSET_WIDTH)
        self.offset_code = nn.Linear(width, _OFFSET_WIDTH, bias=False)
        self.offset_anchor = nn.Linear(13, _OFFSET_WIDTH, bias=False)
        self.offset = nn.Sequential(
            nn.GELU(), nn.Linear(_OFFSET_WIDTH, _OFFSET_WIDTH), nn.GELU(), nn.Linear(_OFFSET_WIDTH, 6)
        )
        nn.init.zeros_(self.offset[-1].weight)
        nn.init.zeros_(self.offset[-1].bias)
        self.register_buffer("offset_scale", torch.tensor([_OFFSET_NM] * 3 + [_OFFSET_RAD] * 3), persistent=False)

    def forward(self, view: Views) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (B, K), and the state (B, D) that `offsets` goes on from."""
        codes = self._codes()
        own, last = view.residue_types[:, TYPES_AROUND], view.residue_types[:, TYPES_AROUND - 1]
        state = self.normal(self._surroundings(view, codes))
        logits = self.out(state) @ codes[:-1].T / math.sqrt(codes.shape[1])
        logits = logits + self.pair_statistics(last * _TYPES + own) + self._contacts(view, own)
        for rows, values in (self._at_anchor(view), self._on_the_way(view)):
            logits = logits.index_add(0, rows, values)
        return logits, state

    def offsets(self, view: Views, state: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Where steps would lie as seen from codes (B,): shifts in nm and turns in radian (B, 6)."""
        back = self.rotation[codes].transpose(1, 2)
        place = (back @ (view.anchor[:, :3] - self.origin[codes])[..., None])[..., 0]
        turn = back @ view.anchor[:, 3:].unflatten(-1, (3, 3))
        scale = 1.0 / (0.15 + 0.12 * view.anchor_distance[:, None])
        seen = torch.cat([place * scale, turn.flatten(1), scale], dim=1) * view.anchored[:, None]
        hidden = self.offset_state(state) + self.offset_code(self._codes()[codes]) + self.offset_anchor(seen)
        return self.offset(hidden) * self.offset_scale

    def _codes(self) -> torch.Tensor:
        """Embeddings (K + 1, D)."""
        return self.code.weight + self.code_pose(self.points)

    def _surroundings(self, view: Views, codes: torch.Tensor) -> torch.Tensor:
        """What the residual network makes of the view (B, D)."""
        x = self.types_around(self.residue_type(view.residue_types).flatten(1))
        x = x + self.codes_around(self.narrow_around(codes)[view.codes_around].flatten(1))
        x = x + self.codes_left(self.narrow_left(codes)[view.codes_left].flatten(1))
        place, steps = view.anchor[:, :3], view.anchor_distance[:, None] + 1.0
        length = place.norm(dim=-1, keepdim=True)
        lengths = [length / (0.36 * steps), torch.exp(-length / 0.3), length / 2.0, 1.0 / (length + 0.2)]
        anchor = self.anchor(torch.cat([place / (0.2 + 0.1 * steps), view.anchor[:, 3:], *lengths], dim=-1))
        none = torch.full_like(view.anchor_distance, LARGEST_DISTANCE + 1)
        x = x + anchor * view.anchored[:, None] + self.distance(view.anchor_distance.where(view.anchored, none))
        x = x + self.neighbours(self._neighbours(view).sum(1) / 4.0)
        return self.blocks(x)

    def _neighbours(self, view: Views) -> torch.Tensor:
        """(B, M, D'), zero where there is none."""
        alpha, beta = view.neighbours.unbind(2)
        distance = alpha.norm(dim=-1, keepdim=True)
        centres = torch.linspace(0.3, 1.5, _RADIAL, device=distance.device)
        place = torch.cat([alpha / (distance + 1e-3), beta, torch.exp(-(((distance - centres) / 0.17) ** 2))], dim=-1)
        values = self.neighbour_place(place) + self.neighbour_type(view.neighbour_types)
        values = self.neighbour(values + self.neighbour_offset(view.neighbour_offsets))
        return values * (view.neighbour_types != NO_RESIDUE)[..., None]

    def _contacts(self, view: Views, own: torch.Tensor) -> torch.Tensor:
        """Sums (B, K) over neighbours of a table by both residue types and the distance of a code's CB from theirs."""
        beta = view.neighbours.sum(2)
        square = self.beta.square().sum(-1)[:, None] + beta.square().sum(-1)[:, None]
        square = square - 2.0 * torch.einsum("kx,bmx->bkm", self.beta, beta)
        bins = (square.clamp(min=0.0).sqrt() / _BIN_NM).long().clamp(max=_BINS - 1)
        entries = (own[:, None] * _TYPES + view.neighbour_types)[:, None] * _BINS + bins
        values = self.contact.gather(0, entries.flatten()).view_as(entries)
        return (values * (view.neighbour_types != NO_RESIDUE)[:, None]).sum(-1)

    def _at_anchor(self, view: Views) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows whose residue is the anchor itself, and minus the distances (b, K) of the codes' poses from it."""
        rows = torch.nonzero(view.anchored & (view.anchor_distance == 0))[:, 0]
        place, turn = view.anchor[rows, :3], view.anchor[rows, 3:].unflatten(-1, (3, 3))
        shift = (place[:, None] - self.origin).square().sum(-1)
        angle = 3.0 - torch.einsum("kij,bij->bk", self.rotation, turn)
        weight = 100.0 * self.nearness.exp()
        return rows, -weight[0] * shift - weight[1] * angle

    def _on_the_way(self, view: Views) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows whose anchor is farther on, and how well it is reached from the codes' poses (b, K)."""
        rows = torch.nonzero(view.anchored & (view.anchor_distance > 0))[:, 0]
        place, turn = view.anchor[rows, :3], view.anchor[rows, 3:]
        left = view.anchor_distance[rows]
        scale = 1.0 / (0.15 + 0.12 * left[:, None])
        # The anchor as seen from a code's pose is linear in its place and turn as seen from the residue before, so the
        # first layer of all codes is one product.
        weight = self.reach_pose.weight
        of_place = torch.einsum("ci,kji->jkc", weight[:, :3], self.rotation)
        of_turn = torch.einsum("cil,kji->jlkc", weight[:, 3:].unflatten(1, (3, 3)), self.rotation).flatten(0, 1)
        of_scale = -torch.einsum("jkc,kj->kc", of_place, self.origin)[None]
        first = torch.cat([of_place, of_turn, of_scale]).flatten(1)
        hidden = (torch.cat([place * scale, turn, scale], dim=1) @ first).unflatten(1, (self.codes, -1))
        length = (place[:, None] - self.origin).square().sum(-1).sqrt()[..., None]
        stretch = length / (_STEP_NM * left[:, None, None])
        centres = torch.linspace(0.0, 1.0, _RADIAL, device=length.device)
        lengths = torch.cat([stretch, length, torch.exp(-(((stretch - centres) / 0.12) ** 2))], dim=-1)
        hidden = hidden + self.reach_length(lengths)
        hidden = hidden + (self.reach_distance(left) + self.reach_pose.bias)[:, None]
        return rows, self.reach(torch.relu(hidden))[..., 0]
