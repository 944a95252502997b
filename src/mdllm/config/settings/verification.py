"""What a config file may say of the simulations that decide which proposals stay."""

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from mdllm.config.section import Section
from mdllm.config.settings.simulation import (
    ImplicitSolvent,
    SimulationSource,
    Solvent,
    StartStructure,
    require_multiple,
)

_TEMPERATURE_TOLERANCE_K = 20.0  # short runs of structures that still relax


class VerificationSettings(Section):
    """Short simulations of proposals by OpenMM; solvent, force field and the rest as in a system that is simulated."""

    proposals: NonNegativeInt = Field(
        0,
        description="new clusters of the model that are simulated, and as many of each null; 0: no simulation",
    )
    random_frames: NonNegativeInt = Field(
        0, description="generated frames drawn at random that are simulated, of the model and of each null"
    )
    restarts: NonNegativeInt = Field(
        0,
        description="simulations from the last training frames, which is plain MD of that cost, and as many from "
        "training frames of the least-visited clusters in the plane of the slowest backbone motions",
    )
    rounds: PositiveInt = Field(
        1,
        description="rounds of proposals: before each but the first, frames of the model's proposals that MD has kept "
        "join the training frames, and the model goes on from where it was; VARIANT_round_2 ... are variants",
    )
    replicas: PositiveInt = Field(2, description="simulations of each proposal, which differ in their random draws")
    length_ps: PositiveFloat = Field(20.0, description="length of each; where it ends is judged on its last quarter")
    side_chain_frames: PositiveInt = Field(
        10, description="nearest training frames whose side chains are tried where those of the nearest one clash"
    )
    solvent: Solvent = ImplicitSolvent(type="implicit")
    ph: float = Field(7.0, ge=0, le=14, description="pH that decides the protonation, by default residue pKa")
    temperature_k: PositiveFloat = 300.0
    friction_per_ps: PositiveFloat = Field(1.0, description="friction of the Langevin thermostat")
    time_step_ps: PositiveFloat = Field(0.004, description="4 fs needs the heavy hydrogens of hydrogen_mass_da")
    hydrogen_mass_da: PositiveFloat = Field(1.5, description="mass of a hydrogen, taken from the atom it is bound to")
    minimize_steps: PositiveInt = Field(500, description="steps of energy minimization at most")
    nvt_ps: NonNegativeFloat = Field(1.0, description="equilibration at constant volume, not saved")
    save_interval_ps: PositiveFloat = Field(0.5, description="time between frames")
    checkpoint_interval_ps: PositiveFloat = Field(5.0, description="a stopped simulation repeats at most this")
    platform: Literal["CUDA", "OpenCL", "CPU", "Reference"] | None = Field(
        None, description="where OpenMM computes; null: the first of CUDA, OpenCL, CPU that works here"
    )

    @property
    def wanted(self) -> bool:
        """Whether anything is simulated."""
        return self.proposals + self.random_frames > 0

    @model_validator(mode="after")
    def _whole_multiples(self):
        require_multiple(self.save_interval_ps, "save_interval_ps", self.time_step_ps, "time_step_ps")
        for key in ("length_ps", "nvt_ps", "checkpoint_interval_ps"):
            require_multiple(getattr(self, key), key, self.save_interval_ps, "save_interval_ps")
        return self

    def simulation(self, structure: Path, seed: int) -> SimulationSource:
        """The simulation of one proposal, which starts from a structure without hydrogens."""
        same = ("solvent", "ph", "temperature_k", "friction_per_ps", "time_step_ps", "hydrogen_mass_da")
        same += ("minimize_steps", "nvt_ps", "save_interval_ps", "checkpoint_interval_ps", "platform")
        return SimulationSource(
            type="simulation",
            structure=StartStructure(file=str(structure)),
            production_ps=self.length_ps,
            temperature_tolerance_k=_TEMPERATURE_TOLERANCE_K,
            seed=seed,
            **{key: getattr(self, key) for key in same},
        )
