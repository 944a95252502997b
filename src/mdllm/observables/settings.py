"""What a config file may say of each collective variable."""

import re
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mdllm.config.choices import VariableSettings
from mdllm.config.section import Name
from mdllm.core.geometry import BACKBONE_ATOMS

_KEYWORDS = {"and", "or", "not"}
ResidueNumber = Annotated[str, Field(pattern=r"^-?[0-9]+[A-Za-z]?$")]


def names_beyond_backbone(selection: str) -> bool:
    """Whether a selection names atoms (`name CB`) other than N, CA, C and O; what follows `not` does not count."""
    words = re.findall(r"[^\s()]+", selection)
    for number, word in enumerate(words):
        if word != "name" or (number and words[number - 1] == "not"):
            continue
        for name in takewhile(lambda following: following not in _KEYWORDS, words[number + 1 :]):
            if not any(fnmatchcase(atom, name) for atom in BACKBONE_ATOMS):
                return True
    return False


class _OfSelections(VariableSettings):
    """A variable whose fields select atoms."""

    selected: ClassVar[tuple[str, ...]] = ("selection",)

    def beyond_backbone(self) -> bool:
        return any(names_beyond_backbone(getattr(self, field)) for field in self.selected)


class DistanceCV(_OfSelections):
    """Distance between the centres of two selections, nm."""

    implementation: ClassVar[str] = "mdllm.observables.measures:distance"
    unit: ClassVar[str] = "nm"
    selected: ClassVar[tuple[str, ...]] = ("a", "b")
    type: Literal["distance"]
    a: str
    b: str


class AngleCV(_OfSelections):
    """Angle at b between the centres of three selections, radian."""

    implementation: ClassVar[str] = "mdllm.observables.measures:angle"
    unit: ClassVar[str] = "rad"
    selected: ClassVar[tuple[str, ...]] = ("a", "b", "c")
    type: Literal["angle"]
    a: str
    b: str
    c: str


class DihedralCV(_OfSelections):
    """Dihedral of the centres of four selections, radian."""

    implementation: ClassVar[str] = "mdllm.observables.measures:dihedral"
    unit: ClassVar[str] = "rad"
    periodic: ClassVar[bool] = True
    selected: ClassVar[tuple[str, ...]] = ("a", "b", "c", "d")
    type: Literal["dihedral"]
    a: str
    b: str
    c: str
    d: str


class TorsionCV(VariableSettings):
    """Backbone phi or psi of one residue, radian."""

    implementation: ClassVar[str] = "mdllm.observables.measures:torsion"
    unit: ClassVar[str] = "rad"
    periodic: ClassVar[bool] = True
    type: Literal["phi", "psi"]
    residue: int | ResidueNumber = Field(description="residue number in the topology, with an insertion code as 52A")
    segment: str | None = Field(None, description="segment or chain, where residue numbers repeat")

    def number(self) -> tuple[int, str]:
        """Residue number and insertion code."""
        number, code = re.fullmatch(r"(-?[0-9]+)([A-Za-z]?)", str(self.residue)).groups()
        return int(number), code


class RmsdCV(VariableSettings):
    """RMSD to a reference after superposition, both on one selection, nm."""

    implementation: ClassVar[str] = "mdllm.observables.measures:rmsd"
    unit: ClassVar[str] = "nm"
    type: Literal["rmsd"]
    reference: Name = Field(description="name of a reference, or `training_start` (first training frame)")
    selection: str = "name N CA C"

    def reference_name(self) -> str:
        return self.reference


class GyrationCV(_OfSelections):
    """Radius of gyration of a selection, atoms weighted equally, nm."""

    implementation: ClassVar[str] = "mdllm.observables.measures:radius_of_gyration"
    unit: ClassVar[str] = "nm"
    type: Literal["radius_of_gyration"]
    selection: str = "name N CA C"


class CoordinateCV(VariableSettings):
    """Coordinate of a particle in a model potential, without a unit."""

    implementation: ClassVar[str] = "mdllm.observables.measures:without_atoms"
    unit: ClassVar[str] = ""
    of: ClassVar[Literal["atoms", "potential", "series"]] = "potential"
    type: Literal["coordinate"]
    axis: Literal["x", "y"]


class NumberCV(VariableSettings):
    """The number of the state that a frame of a series is in."""

    implementation: ClassVar[str] = "mdllm.observables.measures:without_atoms"
    unit: ClassVar[str] = ""
    of: ClassVar[Literal["atoms", "potential", "series"]] = "series"
    type: Literal["number"]
