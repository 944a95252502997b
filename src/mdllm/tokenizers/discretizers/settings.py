"""What a config file may say of each discretizer."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from mdllm.config.choices import DiscretizerSettings
from mdllm.config.section import Name


class StatesSettings(DiscretizerSettings):
    """The named states of the system file, and one code for frames outside all of them."""

    implementation: ClassVar[str] = "mdllm.tokenizers.discretizers.states:NamedStates"
    name: Literal["states"]


class BinsSettings(DiscretizerSettings):
    """Bins of equal width along one collective variable."""

    implementation: ClassVar[str] = "mdllm.tokenizers.discretizers.bins:Bins"
    name: Literal["bins"]
    variable: Name = Field(description="collective variable")
    bins: Annotated[int, Field(ge=2)] = Field(20, description="number of bins K")
    low: float | None = Field(None, description="lower edge; null: -pi, for an angle that wraps")
    high: float | None = Field(None, description="upper edge; null: pi")

    @model_validator(mode="after")
    def _edges(self):
        if (self.low is None) != (self.high is None):
            raise ValueError("give both `low` and `high`, or neither")
        if self.low is not None and self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        return self

    def reads_variables(self) -> list[str]:
        return [self.variable]

    def edges(self) -> dict[str, list[float]]:
        return {} if self.low is None else {self.variable: [self.low, self.high]}

    def wraps(self) -> list[str]:
        return [self.variable] if self.low is None else []

    def unknown_to_codes(self, variables: set[str]) -> set[str]:
        return variables - {self.variable}


class NearestCenterSettings(DiscretizerSettings):
    """The nearest of given points in the space of collective variables, as metastable states are often named."""

    implementation: ClassVar[str] = "mdllm.tokenizers.discretizers.centers:NearestCenter"
    name: Literal["nearest_center"]
    variables: list[Name] = Field(min_length=1, description="collective variables")
    centers: list[list[float]] = Field(min_length=2, description="one point per code, in the order of `variables`")

    @model_validator(mode="after")
    def _lengths(self):
        for center in self.centers:
            if len(center) != len(self.variables):
                raise ValueError(f"centers: {center} must have {len(self.variables)} values, one per variable")
        return self

    def reads_variables(self) -> list[str]:
        return self.variables

    def edges(self) -> dict[str, list[float]]:
        return dict(zip(self.variables, map(list, zip(*self.centers, strict=True)), strict=True))

    def unknown_to_codes(self, variables: set[str]) -> set[str]:
        return variables - set(self.variables)


class KCentersSettings(DiscretizerSettings):
    """Farthest-point centers by RMSD after superposition (Gonzalez, Theor. Comput. Sci. 38, 293, 1985)."""

    implementation: ClassVar[str] = "mdllm.tokenizers.discretizers.centers:KCenters"
    reads_atoms: ClassVar[bool] = True
    name: Literal["k_centers"]
    centers: Annotated[int, Field(ge=2)] = Field(100, description="number of centers K")
    selection: str = Field("all", description="MDAnalysis selection, among the atoms that are kept")
    fit_frames: PositiveInt = Field(50000, description="frames that centers are chosen from at most, evenly spread")


class NumbersSettings(DiscretizerSettings):
    """The numbers that a variable takes, as the states of a series, one code each."""

    implementation: ClassVar[str] = "mdllm.tokenizers.discretizers.numbers:Numbers"
    name: Literal["numbers"]
    variable: Name = Field("number", description="collective variable, of type number")

    def reads_variables(self) -> list[str]:
        return [self.variable]

    def unknown_to_codes(self, variables: set[str]) -> set[str]:
        return variables - {self.variable}
