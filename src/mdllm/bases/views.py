"""What a base sees of a residue whose step is to be drawn: all in the frame of the residue before it.

A frame is written along the chain, as steps (`mdllm.tokenizers.chain`). The frame before it is known, but for spans
of residues that are *hidden*; the others are *seen*. A view holds

- residue types around, codes of the frame before around, codes of the new frame to the left;
- the *anchor*: the first seen residue from this one on, where the residues that are built already would carry it
  from the frame before, so that a redrawn span knows where it has to end, and errors do not add up along the chain;
- *neighbours*: the nearest residues in space, built ones where they are, seen ones where they would be carried.

Axes: B rows, one residue of one structure each; L residues; M neighbours.
"""

from dataclasses import dataclass

import torch

from mdllm.bases.poses import LEVER_NM, Poses, nearest_rotation

RESIDUE_TYPES = "ACDEFGHIKLMNPQRSTVWYX"
NO_RESIDUE = len(RESIDUE_TYPES)
TYPES_AROUND, CODES_AROUND, CODES_LEFT = 4, 4, 4
NEIGHBOURS = 16
LARGEST_DISTANCE = 40  # in sequence, of an anchor; farther ones look alike
LARGEST_OFFSET = 16  # in sequence, of a neighbour
_REACH_NM = 1.6
# Residues that carry others: weight 1 / (distance^2 + _NEAR_NM^2) in the frame before.
_NEAR_NM = 0.5
BETA_CARBON_NM = (-0.0529, -0.0774, -0.1205)  # in the frame of N, CA, C


@dataclass(frozen=True)
class Views:
    """Rows of `B` residues; see the head of this module.

    Attributes:
        residue_types: (B, 2 TYPES_AROUND + 1), NO_RESIDUE beyond the chain.
        codes_around: (B, 2 CODES_AROUND + 1) of the frame before; `hidden` where it is not known.
        codes_left: (B, CODES_LEFT) of the new frame; `hidden` beyond a gap or the start.
        anchored: (B,) whether there is an anchor.
        anchor_distance: (B,) how many residues after this one it is.
        anchor: (B, 12) its origin in nm and its rotation, row by row.
        neighbours: (B, M, 2, 3) their CA in nm, and the vector from there to CB; zero where there is none.
        neighbour_types: (B, M), NO_RESIDUE where there is none.
        neighbour_offsets: (B, M) from this residue along the sequence, within LARGEST_OFFSET, plus that.
    """

    residue_types: torch.Tensor
    codes_around: torch.Tensor
    codes_left: torch.Tensor
    anchored: torch.Tensor
    anchor_distance: torch.Tensor
    anchor: torch.Tensor
    neighbours: torch.Tensor
    neighbour_types: torch.Tensor
    neighbour_offsets: torch.Tensor


def views(
    residue: torch.Tensor,
    built: Poses,
    built_codes: torch.Tensor,
    before: Poses,
    codes_before: torch.Tensor,
    seen: torch.Tensor,
    residue_types: torch.Tensor,
    hidden: int,
) -> Views:
    """The views of one residue of each of B structures.

    Args:
        residue: (B,) the residue whose step is to be drawn, at least 1.
        built: (B, L) poses of the new frame; only residues before `residue` are looked at.
        built_codes: (B, L) their codes; `hidden` at the first residue after a gap.
        before: (B, L) poses of the frame before; only seen residues are looked at.
        codes_before: (B, L) their codes, `hidden` where they are not seen or mean a jump over a gap.
        seen: (B, L).
        residue_types: (B, L) indices of RESIDUE_TYPES, NO_RESIDUE where there is none.
        hidden: the code that stands for none.
    """
    rows, length = seen.shape
    row = torch.arange(rows, device=seen.device)
    position = torch.arange(length, device=seen.device)
    is_built = position < residue[:, None]
    is_anchor = seen & ~is_built
    anchor = is_anchor.to(torch.int8).argmax(1)  # the first one

    weight = 1.0 / ((before.origin - before.origin[row, anchor][:, None]).square().sum(-1) + _NEAR_NM**2)
    weight = weight * (seen & is_built)
    total = weight.sum(1)
    carried = total > 0
    weight = weight / total.clamp(min=1e-12)[:, None]
    motion, centre, centre_before = _carry(built, before, weight, carried)
    last = built[row, residue - 1]
    turn = last.rotation.transpose(1, 2) @ motion
    shift = _apply(last.rotation.transpose(1, 2), centre - last.origin) - _apply(turn, centre_before)

    anchored = carried & is_anchor.any(1)
    place = _apply(turn, before.origin[row, anchor]) + shift
    pose = torch.cat([place, (turn @ before.rotation[row, anchor]).flatten(1)], dim=1)
    usable = (is_built | (seen & carried[:, None])) & (residue_types != NO_RESIDUE)
    usable &= (position - residue[:, None] + 1).abs() > 2
    to_last = last.rotation.transpose(1, 2)
    beta = torch.tensor(BETA_CARBON_NM, dtype=place.dtype, device=place.device)
    carbons = torch.where(
        is_built[..., None, None],
        torch.stack(
            [_within(to_last, built.origin - last.origin[:, None]), _within(to_last, built.rotation @ beta)], 2
        ),
        torch.stack([_within(turn, before.origin) + shift[:, None], _within(turn, before.rotation @ beta)], 2),
    )
    distance = carbons[:, :, 0].norm(dim=-1).masked_fill(~usable, torch.inf)
    nearest, chosen = distance.topk(min(NEIGHBOURS, length), dim=1, largest=False, sorted=False)
    near = nearest < _REACH_NM
    beyond = (0, max(NEIGHBOURS - length, 0))
    pad = torch.nn.functional.pad
    return Views(
        residue_types=_around(residue_types, residue, TYPES_AROUND, TYPES_AROUND, NO_RESIDUE),
        codes_around=_around(codes_before, residue, CODES_AROUND, CODES_AROUND, hidden),
        codes_left=_around(built_codes, residue, CODES_LEFT, -1, hidden),
        anchored=anchored,
        anchor_distance=((anchor - residue) * anchored).clamp(max=LARGEST_DISTANCE),
        anchor=(pose * anchored[:, None]).float(),
        neighbours=pad((carbons[row[:, None], chosen] * near[..., None, None]).float(), (0, 0, 0, 0, *beyond)),
        neighbour_types=pad(residue_types[row[:, None], chosen].where(near, NO_RESIDUE), beyond, value=NO_RESIDUE),
        neighbour_offsets=pad(
            (chosen - residue[:, None]).clamp(-LARGEST_OFFSET, LARGEST_OFFSET) + LARGEST_OFFSET, beyond
        ),
    )


def _carry(built: Poses, before: Poses, weight: torch.Tensor, carried: torch.Tensor):
    """The motions that lay the frame before on what is built: rotation (B, 3, 3), and the centres (B, 3) of both."""
    centre, centre_before = ((weight[..., None] * poses.origin).sum(1) for poses in (built, before))
    correlation = (weight[..., None] * built.origin).transpose(1, 2) @ before.origin
    turned = built.rotation @ before.rotation.transpose(-1, -2)
    correlation = correlation + LEVER_NM**2 * (weight[..., None, None] * turned).sum(1)
    correlation = correlation - centre[:, :, None] * centre_before[:, None]
    identity = torch.eye(3, dtype=weight.dtype, device=weight.device)
    return nearest_rotation(torch.where(carried[:, None, None], correlation, identity)), centre, centre_before


def _apply(matrix: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """(B, 3, 3) times (B, 3)."""
    return (matrix @ vector[..., None])[..., 0]


def _within(matrix: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """(B, 3, 3) times each of (B, L, 3)."""
    return vectors @ matrix.transpose(1, 2)


def _around(values: torch.Tensor, residue: torch.Tensor, left: int, right: int, filler: int) -> torch.Tensor:
    """Values (B, L) from `left` residues before `residue` to `right` after it, `filler` beyond the chain."""
    offset = torch.arange(-left, right + 1, device=values.device)
    index = residue[:, None] + offset
    inside = (index >= 0) & (index < values.shape[1])
    return values.gather(1, index.clamp(0, values.shape[1] - 1)).where(inside, filler)
