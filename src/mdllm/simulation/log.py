"""The log of a simulation, a CSV with a row per save interval, and the check that the run was sound."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import openmm
import pandas as pd
from openmm import unit

from mdllm.config.settings.simulation import SimulationSource
from mdllm.core.errors import InputError

PRODUCTION = "production"
_GAS_CONSTANT = unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)
_STANDARD_ERRORS = 4
_UNSTABLE = 10  # times the thermostat's temperature: no fluctuation, not even of three atoms


@dataclass(frozen=True)
class Row:
    """State of the system at one time; `time_ps` and `step` count from the start of the phase."""

    phase: str
    step: int
    time_ps: float
    potential_energy_kj_mol: float
    kinetic_energy_kj_mol: float
    temperature_k: float
    volume_nm3: float | None

    @classmethod
    def measure(
        cls,
        state: openmm.State,
        *,
        phase: str,
        step: int,
        time_ps: float,
        degrees: int,
        thermostat_k: float,
        periodic: bool,
    ) -> "Row":
        """The row of a state with energies; `degrees` of freedom turn the kinetic energy into a temperature.

        Raises:
            InputError: an energy that is not finite, or a temperature far above that of the thermostat; names the
                step and what to change.
        """
        potential = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
        kinetic = state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
        temperature = 2 * kinetic / (degrees * _GAS_CONSTANT)
        if not np.isfinite([potential, kinetic]).all() or temperature > _UNSTABLE * thermostat_k:
            raise InputError(blown_up(phase, step, time_ps))
        volume = state.getPeriodicBoxVolume().value_in_unit(unit.nanometer**3) if periodic else None
        return cls(phase, step, time_ps, potential, kinetic, temperature, volume)

    @classmethod
    def header(cls) -> str:
        return ",".join(field.name for field in fields(cls)) + "\n"

    def line(self) -> str:
        """One line of CSV; the volume is empty without periodic boundaries."""
        numbers = (self.potential_energy_kj_mol, self.kinetic_energy_kj_mol, self.temperature_k)
        volume = "" if self.volume_nm3 is None else f"{self.volume_nm3:.5f}"
        values = [self.phase, str(self.step), f"{self.time_ps:.3f}", *(f"{value:.4f}" for value in numbers), volume]
        return ",".join(values) + "\n"


def blown_up(phase: str, step: int, time_ps: float) -> str:
    """What to tell the user when the integration has failed by `step`."""
    return (
        f"{phase}, step {step} ({time_ps:g} ps): energy without bounds, the integration is unstable. Shorten "
        "time_step_ps (0.002 with hydrogen_mass_da: 1), lengthen minimize_steps and nvt_ps, or look for atoms of the "
        "structure that lie on each other"
    )


def check_log(path: Path, source: SimulationSource, degrees: int) -> dict:
    """Means over the production rows, after a check of the mean temperature.

    The standard error of the mean is that of an ideal Langevin thermostat: kinetic energy of f degrees of freedom has
    the variance f (k T)^2 / 2 and decays with twice the friction, so that a short run of a small molecule is not
    blamed for its noise. The mean may deviate by `temperature_tolerance_k` and four standard errors.

    Args:
        path: the log.
        source: temperature, friction, save interval and tolerance.
        degrees: degrees of freedom f.

    Raises:
        InputError: the mean temperature is off; says by how much, and what to change.
    """
    table = pd.read_csv(path)
    rows = table[table["phase"] == PRODUCTION]
    mean = float(rows["temperature_k"].mean())
    decay = np.exp(-2 * source.friction_per_ps * source.save_interval_ps)
    independent = len(rows) * (1 - decay) / (1 + decay)
    error = source.temperature_k * np.sqrt(2 / degrees / max(independent, 1.0))
    allowed = source.temperature_tolerance_k + _STANDARD_ERRORS * error
    if not abs(mean - source.temperature_k) <= allowed:
        raise InputError(
            f"mean temperature {mean:.2f} K instead of {source.temperature_k:g} K ({len(rows)} frames, {allowed:.2f} K "
            "allowed): shorten time_step_ps, lengthen nvt_ps, or raise temperature_tolerance_k if you know why"
        )
    means = {"mean_temperature_k": round(mean, 3), "temperature_allowed_deviation_k": round(float(allowed), 3)}
    means["mean_potential_energy_kj_mol"] = round(float(rows["potential_energy_kj_mol"].mean()), 3)
    if rows["volume_nm3"].notna().any():
        means["mean_volume_nm3"] = round(float(rows["volume_nm3"].mean()), 4)
    return means
