"""What a config file may say of each collective variable."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mdllm.config.choices import VariableSettings
from mdllm.config.section import Name

ResidueNumber = Annotated[str, Field(pattern=r"^-?[0-9]+[A-Za-z]?$")]


class DistanceCV(VariableSettings):
    """Distance between the centres of two selections, nm."""

    implementation: ClassVar[str] = "mdllm.observables.measures:distance"
    unit: ClassVar[str] = "nm"
    type: Literal["distance"]
    a: str
    b: str


class AngleCV(VariableSettings):
    """Angle at b between the centres of three selections, radian."""

    implementation: ClassVar[str] = "mdllm.observables.measures:angle"
    unit: ClassVar[str] = "rad"
    type: Literal["angle"]
    a: str
    b: str
    c: str


class DihedralCV(VariableSettings):
    """Dihedral of the centres of four selections, radian."""

    implementation: ClassVar[str] = "mdllm.observables.measures:dihedral"
    unit: ClassVar[str] = "rad"
    periodic: ClassVar[bool] = True
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


class GyrationCV(VariableSettings):
    """Radius of gyration of a selection, atoms weighted equally, nm."""

    implementation: ClassVar[str] = "mdllm.observables.measures:radius_of_gyration"
    unit: ClassVar[str] = "nm"
    type: Literal["radius_of_gyration"]
    selection: str = "name N CA C"


class CoordinateCV(VariableSettings):
    """Coordinate of a particle in a model potential, without a unit."""

    implementation: ClassVar[str] = "mdllm.observables.measures:coordinate"
    unit: ClassVar[str] = ""
    of_potential: ClassVar[bool] = True
    type: Literal["coordinate"]
    axis: Literal["x", "y"]
