"""Families of the 50 residue and 13 pair properties: where each stands, and how an output becomes a value.

Hou, Zhao & Shen, PNAS 123, e2530466123 (2026). Axes: P properties.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

BINS = 12
BANDS = ("low", "medium", "high")
SECONDARY_STRUCTURE = ("B", "E", "H", "I", "G", "S", "T", "none")
CONTACTS = ("vdw", "hbbb", "hbsb", "hbss", "hp", "sb", "pc", "ps", "ts")

RESIDUE = (
    "sasa_mean_nm2",
    "sasa_std_nm2",
    "rmsf_nm",
    *(f"ss_{name}" for name in SECONDARY_STRUCTURE),
    *(f"{angle}_{number}" for angle in ("chi1", "phi", "psi") for number in range(BINS)),
    *(f"gnm_msf_{band}" for band in BANDS),
)
PAIR = (*(f"contact_{name}" for name in CONTACTS), "correlation", *(f"anm_correlation_{band}" for band in BANDS))


@dataclass(frozen=True)
class Family:
    """Properties that one output function makes.

    Attributes:
        part: where they stand among the residue or the pair properties.
        activation: logits (..., P) of the family to values.
        circular: shares of bins of a torsion, which not every residue has.
    """

    name: str
    part: slice
    activation: Callable[[torch.Tensor], torch.Tensor]
    circular: bool = False


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    return logits.softmax(-1)


def _signed(logits: torch.Tensor) -> torch.Tensor:
    return 2 * logits.sigmoid() - 1


RESIDUE_FAMILIES = (
    Family("sasa", slice(0, 2), torch.nn.functional.softplus),
    Family("rmsf", slice(2, 3), torch.sigmoid),
    Family("secondary_structure", slice(3, 11), _softmax),
    Family("chi1", slice(11, 23), _softmax, circular=True),
    Family("phi", slice(23, 35), _softmax, circular=True),
    Family("psi", slice(35, 47), _softmax, circular=True),
    Family("gnm", slice(47, 50), torch.nn.functional.softplus),
)
PAIR_FAMILIES = (
    Family("contacts", slice(0, 9), torch.nn.functional.softplus),
    Family("correlation", slice(9, 10), _signed),
    Family("anm", slice(10, 13), _signed),
)


def activated(logits: torch.Tensor, families: tuple[Family, ...]) -> torch.Tensor:
    """Values (..., P) of the logits (..., P) of all properties."""
    return torch.cat([family.activation(logits[..., family.part]) for family in families], -1)
