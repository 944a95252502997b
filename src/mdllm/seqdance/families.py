"""Families of the 50 residue and 13 pair properties: where each stands, and how an output becomes a value.

Hou, Zhao & Shen, PNAS 123, e2530466123 (2026). Axes: P properties.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mdllm.analysis.dynamics.properties import PAIR_PROPERTIES, RESIDUE_PROPERTIES, columns

RESIDUE = tuple(entry.name for entry in RESIDUE_PROPERTIES)
PAIR = tuple(entry.name for entry in PAIR_PROPERTIES)


@dataclass(frozen=True)
class Family:
    """Properties that one output function makes.

    Attributes:
        part: where they stand among the residue or the pair properties.
        activation: logits (..., P) of the family to values.
        inverse: values to logits that give them.
        circular: shares of bins of a torsion, which not every residue has.
    """

    name: str
    part: slice
    activation: Callable[[torch.Tensor], torch.Tensor]
    inverse: Callable[[torch.Tensor], torch.Tensor]
    circular: bool = False


def _softplus(logits: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.softplus(logits)


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    return logits.softmax(-1)


def _signed(logits: torch.Tensor) -> torch.Tensor:
    return 2 * logits.sigmoid() - 1


def _logarithm(values: torch.Tensor) -> torch.Tensor:
    return values.clamp(min=1e-4).log()


def _inverse_softplus(values: torch.Tensor) -> torch.Tensor:
    return values.clamp(min=1e-4).expm1().log()


def _inverse_signed(values: torch.Tensor) -> torch.Tensor:
    return ((values + 1) / 2).logit(1e-4)


def _residue(group: str, *functions: Callable, circular: bool = False) -> Family:
    return Family(group, columns(RESIDUE_PROPERTIES, group), *functions, circular)


def _pair(group: str, *functions: Callable) -> Family:
    return Family(group, columns(PAIR_PROPERTIES, group), *functions)


RESIDUE_FAMILIES = (
    _residue("sasa", _softplus, _inverse_softplus),
    _residue("rmsf", torch.sigmoid, lambda values: values.logit(1e-4)),
    _residue("dssp", _softmax, _logarithm),
    *(_residue(angle, _softmax, _logarithm, circular=True) for angle in ("chi1", "phi", "psi")),
    _residue("gnm", _softplus, _inverse_softplus),
)
PAIR_FAMILIES = (
    _pair("contacts", _softplus, _inverse_softplus),
    _pair("correlation", _signed, _inverse_signed),
    _pair("anm", _signed, _inverse_signed),
)


def activated(logits: torch.Tensor, families: tuple[Family, ...]) -> torch.Tensor:
    """Values (..., P) of the logits (..., P) of all properties."""
    return torch.cat([family.activation(logits[..., family.part]) for family in families], -1)


def logits_of(values: torch.Tensor, families: tuple[Family, ...]) -> torch.Tensor:
    """Logits (..., P) that give `values` (..., P)."""
    return torch.cat([family.inverse(values[..., family.part]) for family in families], -1)
