"""Sections of what is estimated from discrete trajectories, and of what is looked into in their models."""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from mdllm.config.choices import DISCRETIZERS
from mdllm.config.section import Name, Section, UnitInterval

Discretizer = DISCRETIZERS.union()


class KineticsSettings(Section):
    """What is estimated from discrete trajectories of MD and of the model, alike. Lags count frames."""

    discretizer: Discretizer | None = Field(
        None,
        description="how frames of MD and decoded frames of the model become one code each, where the tokenizer gives "
        "one per residue; null: no kinetics of these",
    )
    lags: list[PositiveInt] = Field(
        [1, 2, 5, 10, 20, 50], min_length=1, description="lags of implied timescales and MFPTs"
    )
    lag: PositiveInt = Field(10, description="lag of the Markov model behind error bars and Chapman-Kolmogorov test")
    processes: PositiveInt = Field(3, description="slowest processes reported")
    commit: list[PositiveInt] = Field(
        [1, 2, 5, 10, 20, 50], min_length=1, description="frames in a state after which a transition counts"
    )
    committor: tuple[Name, Name] | None = Field(
        None, description="states between which committors are estimated; null: the first and the last by name"
    )
    chapman_kolmogorov_steps: PositiveInt = Field(5, description="multiples of the lag that are tested")
    runs: Annotated[int, Field(ge=2)] = Field(5, description="groups of trajectories that give standard deviations")
    trainings: PositiveInt = Field(
        1,
        description="models trained and rolled out per variant, with the seeds `seed`, `seed` + 1, ...; above 1 each "
        "is a run of its own, so that the model's errors hold the spread between trainings",
    )
    posterior_samples: Annotated[int, Field(ge=10)] = Field(100, description="samples of the Bayesian Markov model")


class CausalTraceSettings(Section):
    """Causal trace of a nanogpt (nano-GPT, appendix A.2; Meng et al., arXiv 2202.05262)."""

    windows: PositiveInt = Field(200, description="validation windows of each kind: the code stays, the code moves")
    frames: PositiveInt = Field(16, description="frames of context of each")
    noise: PositiveFloat = Field(3.0, description="standard deviation of the noise, times that of the embeddings")
    corrupted: UnitInterval = Field(1.0, description="share of the context, from its start, that is corrupted")
