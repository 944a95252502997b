"""From a batch of windows to the views of its rows, on the device of the network, and what training does to them.

Axes: B rows, K codes.
"""

import torch

from mdllm.bases.poses import Poses, relative, to_vectors
from mdllm.bases.views import NO_RESIDUE, RESIDUE_TYPES, Views, views
from mdllm.tokenizers.chain.codebook import Codebook

# What training does to a view, so that few proteins go far.
_MASKED_TYPE, _MASKED_OWN_TYPE, _MASKED_NEIGHBOUR_TYPE = 0.15, 0.05, 0.2
_EXCHANGED_AROUND, _EXCHANGED_LEFT = 0.5, 0.3
_HIDDEN_CODE, _LOST_NEIGHBOUR = 0.05, 0.1
_NEIGHBOUR_SHIFT_NM, _ANCHOR_SHIFT_NM = 0.03, 0.02
_SIMILAR = 8  # codes among which one is exchanged for another


class ViewsOfRows(torch.nn.Module):
    """Batches of `mdllm.bases.examples.joined` to what a network sees, and to the offsets that it is to tell."""

    def __init__(self, steps: Codebook):
        super().__init__()
        self.hidden = len(steps)
        points = torch.from_numpy(steps.points())
        similar = torch.cdist(points, points).topk(_SIMILAR, largest=False).indices  # each code itself among them
        self.register_buffer("similar", similar, persistent=False)
        for name in ("rotation", "origin"):
            self.register_buffer(name, torch.from_numpy(getattr(steps, name)).float(), persistent=False)

    def offsets(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Where the steps of the rows are as seen from their codes (B, 6), nm and radian."""
        window, row, code = batch["window"], batch["row"], batch["labels"]
        built = Poses(batch["built_rotation"], batch["built_origin"])
        step = relative(built[window, row - 1], built[window, row])
        return to_vectors(relative(Poses(self.rotation[code], self.origin[code]), step))

    def forward(self, batch: dict[str, torch.Tensor]) -> Views:
        """Views (B, ...); those of windows that say so are disturbed."""
        window = batch["window"]
        built, before = (
            Poses(batch[f"{name}_rotation"][window], batch[f"{name}_origin"][window]) for name in ("built", "before")
        )
        of_rows = (batch[name][window] for name in ("built_codes", "codes_before", "seen", "residue_types"))
        built_codes, codes_before, seen, residue_types = of_rows
        view = views(batch["row"], built, built_codes, before, codes_before, seen, residue_types, self.hidden)
        disturbed = batch["disturbed"][window]
        if disturbed.any():
            generator = torch.Generator(window.device).manual_seed(int(batch["labels"].sum()))
            view = self._disturbed(view, disturbed, generator)
        return view

    def _disturbed(self, view: Views, chosen: torch.Tensor, generator: torch.Generator) -> Views:
        """The view, rows `chosen` (B,) disturbed."""
        draw = {"generator": generator, "device": chosen.device}

        def some(like: torch.Tensor, share: float) -> torch.Tensor:
            rows = chosen.reshape(-1, *[1] * (like.ndim - 1))
            return (torch.rand(like.shape, **draw) < share) & rows

        def shift(like: torch.Tensor, size: float) -> torch.Tensor:
            return size * torch.randn(like.shape, **draw) * chosen.reshape(-1, *[1] * (like.ndim - 1))

        unknown = RESIDUE_TYPES.index("X")
        masked = some(view.residue_types, _MASKED_TYPE)
        middle = masked.shape[1] // 2
        masked[:, middle] = some(masked[:, middle], _MASKED_OWN_TYPE)
        masked &= view.residue_types != NO_RESIDUE
        there = view.neighbour_types != NO_RESIDUE
        types = view.neighbour_types.masked_fill(some(there, _MASKED_NEIGHBOUR_TYPE) & there, unknown)

        def exchanged(codes: torch.Tensor, share: float) -> torch.Tensor:
            other = torch.randint(_SIMILAR, codes.shape, **draw)
            similar = self.similar[codes.clamp(max=self.hidden - 1), other]
            codes = torch.where(some(codes, share) & (codes != self.hidden), similar, codes)
            return codes.masked_fill(some(codes, _HIDDEN_CODE), self.hidden)

        anchor = view.anchor.clone()
        far = (view.anchor_distance > 0) & view.anchored
        anchor[:, :3] += shift(anchor[:, :3], _ANCHOR_SHIFT_NM) * far[:, None]
        return Views(
            view.residue_types.masked_fill(masked, unknown),
            exchanged(view.codes_around, _EXCHANGED_AROUND),
            exchanged(view.codes_left, _EXCHANGED_LEFT),
            view.anchored,
            view.anchor_distance,
            anchor,
            view.neighbours + shift(view.neighbours, _NEIGHBOUR_SHIFT_NM) * there[..., None, None],
            types.masked_fill(some(there, _LOST_NEIGHBOUR), NO_RESIDUE),
            view.neighbour_offsets,
        )
