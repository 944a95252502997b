"""What a config file may say of walkers in a model potential."""

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mdllm.config.choices import SourceSettings
from mdllm.config.settings.simulation import require_multiple


class PotentialSource(SourceSettings):
    """Overdamped Langevin dynamics of independent walkers in a model potential, in reduced units.

    One reduced unit of time is written as 1 ps, so that every file has the same columns.
    """

    simulated: ClassVar[Literal["molecule", "potential"] | None] = "potential"
    frames_are: ClassVar[Literal["atoms", "potential", "series"]] = "potential"
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
