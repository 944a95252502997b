"""What a system file may say where its frames come of a structure: the structure, and of MD the solvent and the run.

Units stand in the key. Times are whole multiples of each other where one divides the other, which is checked here, so
that a mistake is found before any job starts.
"""

import os
import pkgutil
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mdllm.config.choices import SourceSettings
from mdllm.config.registry import Requirements
from mdllm.config.section import Name, Section
from mdllm.core.errors import InputError

PdbId = Annotated[str, Field(pattern=r"^[1-9][A-Za-z0-9]{3}$", description="identifier of the Protein Data Bank")]
Mutation = Annotated[str, Field(pattern=r"^([A-Za-z0-9]:)?[ACDEFGHIKLMNPQRSTVWY]\d+[ACDEFGHIKLMNPQRSTVWY]$")]
ForceFieldFiles = Annotated[list[str], Field(min_length=1)]


class StructureFile(Section):
    """A structure: an entry of the Protein Data Bank, or the user's own file."""

    pdb: PdbId | None = Field(None, description="entry to fetch from RCSB, once; then the cache has it")
    file: str | None = Field(None, description="PDB or mmCIF file; a relative path starts at the working directory")

    @model_validator(mode="after")
    def _one_of_both(self):
        if (self.pdb is None) == (self.file is None):
            raise ValueError("give either `pdb` (an identifier) or `file` (a path)")
        return self

    @property
    def path(self) -> str:
        """Where a stage reads it: the user's file, or what the rule fetch_structure makes."""
        if self.file is None:
            return f"results/structures/{self.pdb.lower()}.pdb"
        return os.path.expanduser(os.path.expandvars(self.file))


class StartStructure(StructureFile):
    """The structure that a simulation starts from: protein chains, without ligands, ions and water."""

    chains: list[str] | None = Field(None, min_length=1, description="chain identifiers to keep; null: all of them")
    mutations: list[Mutation] = Field(
        default=[], description="like L99A, in the numbers of the file; B:L99A where several chains are kept"
    )
    build_gaps: bool = Field(False, description="model residues missing inside a chain; false: a gap is an error")


class ImplicitSolvent(Section):
    """Generalized Born (Onufriev, Bashford & Case, Proteins 2004, model OBC), no cutoff, no ions."""

    type: Literal["implicit"]
    force_field: ForceFieldFiles = Field(
        default=["amber99sbildn.xml", "amber99_obc.xml"], description="OpenMM force field files, with the solvent model"
    )


class ExplicitSolvent(Section):
    """A periodic box of water and ions, particle mesh Ewald, at constant pressure after `nvt_ps`."""

    type: Literal["explicit"]
    force_field: ForceFieldFiles = Field(
        default=["amber14-all.xml", "amber14/tip3pfb.xml"], description="OpenMM force field files, with the water model"
    )
    water_geometry: Literal["tip3p", "spce", "tip4pew", "tip5p"] = Field(
        "tip3p", description="initial geometry of the water; it must have the sites of the water model"
    )
    box_shape: Literal["cube", "dodecahedron", "octahedron"] = "dodecahedron"
    padding_nm: PositiveFloat = Field(2.0, description="smallest distance between the solute and its periodic images")
    salt_molar: NonNegativeFloat = Field(0.15, description="Na+ and Cl- beside the ions that neutralize the solute")
    cutoff_nm: PositiveFloat = Field(1.0, description="cutoff of direct-space interactions")
    pressure_bar: PositiveFloat = 1.0
    npt_ps: NonNegativeFloat = Field(100.0, description="equilibration at constant pressure, not saved")


Solvent = Annotated[ImplicitSolvent | ExplicitSolvent, Field(discriminator="type")]


class SimulationSource(SourceSettings):
    """Frames simulated with OpenMM: minimization, equilibration, production with LangevinMiddleIntegrator."""

    simulated: ClassVar[Literal["molecule", "potential"] | None] = "molecule"
    type: Literal["simulation"]
    structure: StartStructure
    solvent: Solvent
    ph: float = Field(7.0, ge=0, le=14, description="pH that decides the protonation, by default residue pKa")
    temperature_k: PositiveFloat = 300.0
    friction_per_ps: PositiveFloat = Field(1.0, description="friction of the Langevin thermostat")
    time_step_ps: PositiveFloat = Field(0.004, description="4 fs needs the heavy hydrogens of hydrogen_mass_da")
    hydrogen_mass_da: PositiveFloat = Field(1.5, description="mass of a hydrogen, taken from the atom it is bound to")
    minimize_steps: PositiveInt = Field(1000, description="steps of energy minimization at most")
    nvt_ps: NonNegativeFloat = Field(100.0, description="equilibration at constant volume, not saved")
    replicas: PositiveInt = Field(1, description="independent trajectories, each equilibrated from the structure")
    production_ps: PositiveFloat = Field(description="length of the trajectory, of each replica")
    save_interval_ps: PositiveFloat = Field(10.0, description="time between frames, and between rows of the log")
    checkpoint_interval_ps: PositiveFloat = Field(
        500.0, description="time between checkpoints; a stopped run repeats at most this; part of the result's identity"
    )
    temperature_tolerance_k: PositiveFloat = Field(
        3.0, description="deviation of the mean temperature allowed beyond four standard errors"
    )
    platform: Literal["CUDA", "OpenCL", "CPU", "Reference"] | None = Field(
        None, description="where OpenMM computes; null: the first of CUDA, OpenCL, CPU that works here"
    )
    seed: int = Field(0, ge=0, description="root of every random draw")

    @model_validator(mode="after")
    def _whole_multiples(self):
        require_multiple(self.save_interval_ps, "save_interval_ps", self.time_step_ps, "time_step_ps")
        lengths = {key: getattr(self, key) for key in ("nvt_ps", "production_ps", "checkpoint_interval_ps")}
        if isinstance(self.solvent, ExplicitSolvent):
            lengths["solvent.npt_ps"] = self.solvent.npt_ps
        for key, length in lengths.items():
            require_multiple(length, key, self.save_interval_ps, "save_interval_ps")
        return self

    @property
    def steps_per_frame(self) -> int:
        return round(self.save_interval_ps / self.time_step_ps)

    def of_replica(self, number: int) -> "SimulationSource":
        """The simulation of one replica: a seed of its own, and the configured one for replica 0."""
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0]) if number else self.seed
        return self.model_copy(update={"seed": seed, "replicas": 1})

    def frames(self, length_ps: float) -> int:
        """Number of save intervals in `length_ps`."""
        return round(length_ps / self.save_interval_ps)


class StructureSource(StructureFile, SourceSettings):
    """One structure without any MD, or the models of its file: frames of which none follows another in time."""

    implementation: ClassVar[str] = "mdllm.sources.structures:as_frames"
    in_time: ClassVar[bool] = False
    type: Literal["structure"]

    def raw_files(self) -> list[str]:
        if self.file is not None and not Path(self.path).is_file():
            raise InputError(f"source.file: {self.path} does not exist (paths start at the working directory)")
        return [self.path]

    def requirements(self, cache: Path) -> Requirements:
        if self.pdb is None:
            return {}
        fetch_structure = pkgutil.resolve_name("mdllm.sources.structures:fetch_structure")
        return {(f"PDB entry {self.pdb.upper()}", ""): lambda: fetch_structure(self.pdb, cache)}


class SharedSource(SourceSettings):
    """The simulation of another system, so that several discretizations see the same frames."""

    type: Literal["shared"]
    system: Name = Field(description="a system whose source is a simulation")


def require_multiple(length: float, key: str, unit: float, unit_key: str) -> None:
    count = length / unit
    if abs(count - round(count)) > 1e-6 * max(1.0, count) or 0 < length < unit / 2:
        below, above = unit * int(count), unit * (int(count) + 1)
        raise ValueError(
            f"{key} ({length:g}) must be a whole multiple of {unit_key} ({unit:g}): {below:g} or {above:g}"
        )
