"""What is said of a system whose kinetics are learned: one discrete coordinate along many trajectories.

Such a system has no backbone that is decoded, but states along time. Its frames are simulated, the user's own, or those
of a model potential; a one-dimensional tokenizer gives every frame one code.
"""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mdllm.config.section import Name, Section
from mdllm.config.settings.simulation import SimulationSource, require_multiple
from mdllm.config.settings.system import CollectiveVariable, FilesSource, PackageSource, Region, require


class PotentialSource(Section):
    """Overdamped Langevin dynamics of independent walkers in a model potential, in reduced units.

    One reduced unit of time is written as 1 ps, so that every file has the same columns.
    """

    type: Literal["potential"]
    name: Literal["four_state"] = "four_state"
    beta: PositiveFloat = Field(9.5, description="inverse temperature 1 / kT")
    friction: PositiveFloat = Field(1.0, description="friction; the diffusion constant is 1 / (beta friction)")
    time_step: PositiveFloat = Field(0.05, description="of the integrator")
    save_interval: PositiveFloat = Field(5.0, description="time between frames")
    equilibration: NonNegativeFloat = Field(50.0, description="time before the first frame, within the start's well")
    walkers: PositiveInt = Field(512, description="independent trajectories, as many from each well")
    frames: PositiveInt = Field(2000, description="frames of each")
    grid: PositiveFloat = Field(0.125, description="cell width of the grid on which the exact kinetics are solved")
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _whole_multiples(self):
        for key in ("save_interval", "equilibration"):
            require_multiple(getattr(self, key), key, self.time_step, "time_step")
        return self


class SharedSource(Section):
    """The simulation of another system, so that several discretizations see the same frames."""

    type: Literal["shared"]
    system: Name = Field(description="a system whose source is a simulation")


KineticSource = Annotated[
    PackageSource | FilesSource | SimulationSource | PotentialSource | SharedSource, Field(discriminator="type")
]


class KineticSystemSettings(Section):
    """One system whose kinetics are learned and judged."""

    kind: Literal["kinetics"] = Field(description="tells this file from that of a system whose structures are decoded")
    description: str
    source: KineticSource
    frame_interval_ps: PositiveFloat | None = Field(
        None, description="time between raw frames; null: as the trajectory says"
    )
    atoms: str = Field("not name H*", description="MDAnalysis selection whose coordinates are kept")
    collective_variables: dict[Name, CollectiveVariable] = Field(min_length=1)
    states: dict[Name, Region | list[Region]] = Field(
        min_length=2,
        description="metastable sets of codes: regions {CV: [low, high]} in which the representative of a code lies",
    )
    stages: dict = Field(default={}, description="stage sections laid over the preset, for all variants")
    variants: dict[Name, dict] = Field(
        min_length=1, description="the models: named overrides of stage sections, each a run of its own"
    )

    @model_validator(mode="after")
    def _names_exist(self):
        potential = isinstance(self.source, PotentialSource)
        for key, cv in self.collective_variables.items():
            if (cv.type == "coordinate") != potential:
                raise ValueError(
                    f"collective_variables.{key}: type coordinate belongs to a model potential, and a model potential "
                    "has no other"
                )
        for state, regions in self.states.items():
            for region in regions if isinstance(regions, list) else [regions]:
                for cv in region:
                    require(cv, self.collective_variables, f"states.{state}")
        return self

    def axes(self) -> dict[str, str]:
        """Axis of each collective variable of a model potential."""
        return {key: cv.axis for key, cv in self.collective_variables.items()}


class KineticsSettings(Section):
    """What is estimated from discrete trajectories of MD and of the model, alike. Lags count frames."""

    lags: list[PositiveInt] = Field(
        [1, 2, 5, 10, 20, 50], min_length=1, description="lags of implied timescales and MFPTs"
    )
    lag: PositiveInt = Field(10, description="lag of the Markov model behind error bars and Chapman-Kolmogorov test")
    processes: PositiveInt = Field(3, description="slowest processes reported")
    commit: list[PositiveInt] = Field(
        [1, 2, 5, 10, 20, 50], min_length=1, description="frames in a state after which a transition counts"
    )
    chapman_kolmogorov_steps: PositiveInt = Field(5, description="multiples of the lag that are tested")
    runs: Annotated[int, Field(ge=2)] = Field(5, description="groups of trajectories that give standard deviations")
    trainings: PositiveInt = Field(
        1,
        description="models trained and rolled out per variant, with the seeds `seed`, `seed` + 1, ...; above 1 each "
        "is a run of its own, so that the model's errors hold the spread between trainings",
    )
    posterior_samples: Annotated[int, Field(ge=10)] = Field(100, description="samples of the Bayesian Markov model")
