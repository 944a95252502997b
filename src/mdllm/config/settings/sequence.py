"""Tokenizers with one code per frame, and the models of sequences of codes: what a preset or a variant may choose."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from mdllm.config.section import Name, Section

UnitInterval = Annotated[float, Field(gt=0, le=1)]


class OneDimensional(Section):
    """A tokenizer that gives a frame one code (L = 1)."""

    stride: PositiveInt = Field(1, description="codes of every n-th frame")


class BinsSettings(OneDimensional):
    """Bins of equal width along one collective variable."""

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


class NearestCenterSettings(OneDimensional):
    """The nearest of given points in the space of collective variables, as metastable states are often named."""

    name: Literal["nearest_center"]
    variables: list[Name] = Field(min_length=1, description="collective variables")
    centers: list[list[float]] = Field(min_length=2, description="one point per code, in the order of `variables`")

    @model_validator(mode="after")
    def _lengths(self):
        for center in self.centers:
            if len(center) != len(self.variables):
                raise ValueError(f"centers: {center} must have {len(self.variables)} values, one per variable")
        return self


class KCentersSettings(OneDimensional):
    """Farthest-point centers by RMSD after superposition (Gonzalez, Theor. Comput. Sci. 38, 293, 1985)."""

    name: Literal["k_centers"]
    centers: Annotated[int, Field(ge=2)] = Field(100, description="number of centers K")
    selection: str = Field("all", description="MDAnalysis selection, among the atoms that the system file keeps")
    fit_frames: PositiveInt = Field(50000, description="frames that centers are chosen from at most, evenly spread")


class ScheduledSampling(Section):
    """Share of tokens of MD that training shows: epsilon^(t (1 - k^i)) at position t of a window in update i.

    nano-GPT, Eq. 7 and 8. Its values of epsilon and k are not printed; these are ours.
    """

    epsilon: UnitInterval = Field(0.9999, description="share at t = 1 after many updates; 1: MD tokens only")
    k: Annotated[float, Field(ge=0, lt=1)] = Field(0.99, description="pace at which replacement sets in")


class NanoGptModel(Section):
    """GPT with scheduled sampling in two passes (Zeng, Zhang & Yao, J. Chem. Theory Comput. 2025)."""

    name: Literal["nanogpt"]
    decoder: Literal["llama", "gpt2"] = Field(
        "llama", description="kind of blocks; llama: rotary positions; gpt2: learned ones, as in the nanoGPT code"
    )
    blocks: PositiveInt = Field(3, description="decoder blocks")
    hidden_size: PositiveInt = 64
    heads: PositiveInt = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="of attention; gpt2: of embeddings and residuals as well"
    )
    scheduled_sampling: ScheduledSampling = ScheduledSampling()


class LstmModel(Section):
    """Embedding, one LSTM layer, linear output (Tsai, Kuo & Tiwary, Nat. Commun. 11, 5115, 2020)."""

    name: Literal["lstm"]
    embedding_size: PositiveInt = 8
    hidden_size: PositiveInt = 64


class MarkovModel(Section):
    """A reversible Markov state model of the training codes: what every language model has to beat."""

    name: Literal["markov"]
    lag: PositiveInt = Field(1, description="frames; a generated frame advances by as many")


class CausalTraceSettings(Section):
    """Causal trace of a nanogpt (nano-GPT, appendix A.2; Meng et al., arXiv 2202.05262)."""

    windows: PositiveInt = Field(200, description="validation windows of each kind: the code stays, the code moves")
    frames: PositiveInt = Field(16, description="frames of context of each")
    noise: PositiveFloat = Field(3.0, description="standard deviation of the noise, times that of the embeddings")
    corrupted: UnitInterval = Field(1.0, description="share of the context, from its start, that is corrupted")
