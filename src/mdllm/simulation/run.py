"""Equilibration and production in segments, each from checkpoint to checkpoint, so that a killed run continues exactly.

A restored OpenMM context is not in every respect the one that was saved: it sorts its neighbour list anew and the
barostat forgets how far it had adapted its moves, and the last bits of the forces differ. Therefore *every* segment,
also of a run that nobody disturbs, starts with a new context and loads the checkpoint that ended the one before. An
interrupted run then does what an undisturbed one does, by construction: the same frames to the last bit wherever the
device itself repeats its results (Reference, CPU with the same number of threads, CUDA on the same card).
"""

import copy
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import openmm
from openmm import app, unit
from tqdm import tqdm

from mdllm.config.settings.simulation import ExplicitSolvent, SimulationSource
from mdllm.core.errors import InputError
from mdllm.core.trajectories import require_frames
from mdllm.simulation.checkpoint import Checkpoint, cut_back
from mdllm.simulation.log import PRODUCTION, Row, blown_up
from mdllm.simulation.platform import Device, derive_seed
from mdllm.simulation.system import Prepared, degrees_of_freedom

logger = logging.getLogger(__name__)
TRAJECTORY, LOG = "trajectory.xtc", "log.csv"
_SECONDS_PER_DAY = 86400
_PS_PER_NS = 1000


class Preemption(Protocol):
    """Whether the process was asked to stop, and how it ends then."""

    requested: bool

    def leave(self, where: str) -> None: ...


@dataclass(frozen=True)
class Phase:
    """A stretch of integration under one set of conditions; `frames` counts save intervals."""

    name: str
    frames: int
    constant_pressure: bool


def phases(source: SimulationSource) -> list[Phase]:
    """NVT, NPT (with explicit solvent) and production, without those of no length."""
    explicit = isinstance(source.solvent, ExplicitSolvent)
    listed = [Phase("nvt", source.frames(source.nvt_ps), False)]
    if explicit:
        listed.append(Phase("npt", source.frames(source.solvent.npt_ps), True))
    listed.append(Phase(PRODUCTION, source.frames(source.production_ps), explicit))
    return [phase for phase in listed if phase.frames]


class Run:
    """A simulation in a folder of its own.

    Args:
        folder: holds, or will hold, the checkpoint, the trajectory and the log.
        system: without thermostat and barostat.
        solute: topology of the atoms that are saved, the first ones of the system.
        source: lengths and conditions.
        device: where it is computed.
    """

    def __init__(
        self, folder: Path, system: openmm.System, solute: app.Topology, source: SimulationSource, device: Device
    ):
        self._folder, self._system, self._solute = folder, system, solute
        self._source, self._device = source, device
        self._phases = phases(source)
        self._periodic = system.usesPeriodicBoundaryConditions()
        self.degrees_of_freedom = degrees_of_freedom(system)

    def begin(self, prepared: Prepared) -> None:
        """Write the first checkpoint: minimized positions, and velocities drawn at the temperature."""
        (self._folder / TRAJECTORY).write_bytes(b"")
        (self._folder / LOG).write_text(Row.header())
        context = self._context(0)
        if prepared.box_nm is not None:
            context.setPeriodicBoxVectors(*prepared.box_nm)
        context.setPositions(prepared.positions_nm)
        context.setVelocitiesToTemperature(self._source.temperature_k, derive_seed(self._source.seed, 3))
        self._save(context, 0, 0)

    def finish(self, preemption: Preemption | None = None) -> float | None:
        """Continue from the checkpoint to the end.

        Returns:
            speed in ns/day of what was integrated here; None if nothing was left to do.

        Raises:
            InputError: the integration is unstable, or the folder does not hold what the checkpoint says.
        """
        point = Checkpoint.read(self._folder, self._device.identity)
        cut_back(self._folder / TRAJECTORY, point.trajectory_bytes)
        cut_back(self._folder / LOG, point.log_bytes)
        done = sum(phase.frames for phase in self._phases[: point.phase]) + point.frame
        if done:
            logger.info("continuing after %g ps", self._ps(done))
        total = sum(phase.frames for phase in self._phases)
        started, before = time.monotonic(), done
        with tqdm(total=total, initial=done, desc="simulate", unit="frame", mininterval=1) as progress:
            while point.phase < len(self._phases):
                for row in self._segment(point):
                    done += 1
                    progress.update()
                    progress.set_postfix_str(f"{self._speed(done - before, started):.3g} ns/day", refresh=False)
                    if preemption is not None and preemption.requested:
                        preemption.leave(f"{row.phase}, {row.time_ps:g} ps, less what follows the last checkpoint")
                point = Checkpoint.read(self._folder, self._device.identity)
        return self._speed(done - before, started) if done > before else None

    def end(self) -> openmm.State:
        """Positions, velocities and box of all atoms at the end of a finished run."""
        point = Checkpoint.read(self._folder, self._device.identity)
        context = self._context(len(self._phases) - 1)
        context.loadCheckpoint(point.context)
        return context.getState(positions=True, velocities=True)

    def _segment(self, point: Checkpoint) -> Iterator[Row]:
        """Integrate from one checkpoint to the next; yields once per save interval, after all is written."""
        phase = self._phases[point.phase]
        every = self._source.frames(self._source.checkpoint_interval_ps)
        stop = min(point.frame - point.frame % every + every, phase.frames)
        context = self._context(point.phase, point.frame)
        context.loadCheckpoint(point.context)
        trajectory = self._trajectory(point) if phase.name == PRODUCTION else None
        with open(self._folder / LOG, "a", buffering=1) as log:
            for frame in range(point.frame + 1, stop + 1):
                state, row = self._advance(context, phase, frame)
                log.write(row.line())
                if trajectory is not None:
                    box = state.getPeriodicBoxVectors()  # left out of the file where the solute has no box
                    trajectory.writeModel(self._solute_positions(state), periodicBoxVectors=box)
                if trajectory is not None and frame == stop:
                    require_frames(self._folder / TRAJECTORY, frame)
                if frame == phase.frames:
                    self._hand_over(context, point.phase + 1)
                elif frame == stop:
                    self._save(context, point.phase, stop)
                yield row

    def _advance(self, context: openmm.Context, phase: Phase, frame: int) -> tuple[openmm.State, Row]:
        """Integrate over one save interval, up to number `frame` of the phase."""
        place = {"phase": phase.name, "step": frame * self._source.steps_per_frame, "time_ps": self._ps(frame)}
        conditions = {
            "degrees": self.degrees_of_freedom,
            "thermostat_k": self._source.temperature_k,
            "periodic": self._periodic,
        }
        try:
            context.getIntegrator().step(self._source.steps_per_frame)
            state = context.getState(positions=True, energy=True)
        except openmm.OpenMMException as error:
            if "nan" not in str(error).lower():
                raise
            raise InputError(blown_up(**place)) from error
        return state, Row.measure(state, **conditions, **place)

    def _hand_over(self, context: openmm.Context, phase: int) -> None:
        """Checkpoint at the end of a phase: a context of the next one, in the same state."""
        if phase == len(self._phases):
            self._save(context, phase, 0)
            return
        state = context.getState(positions=True, velocities=True)
        following = self._context(phase)
        following.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
        following.setPositions(state.getPositions())
        following.setVelocities(state.getVelocities())
        self._save(following, phase, 0)

    def _save(self, context: openmm.Context, phase: int, frame: int) -> None:
        sizes = [(self._folder / name).stat().st_size for name in (TRAJECTORY, LOG)]
        Checkpoint(phase, frame, context.createCheckpoint(), self._device.identity, *sizes).write(self._folder)

    def _context(self, phase: int, frame: int = 0) -> openmm.Context:
        """A context for a segment of a phase, with seeds of its own."""
        source = self._source
        system = copy.deepcopy(self._system)
        if self._phases[phase].constant_pressure:
            barostat = openmm.MonteCarloBarostat(source.solvent.pressure_bar, source.temperature_k)
            barostat.setRandomNumberSeed(derive_seed(source.seed, 4, phase, frame))
            system.addForce(barostat)
        integrator = openmm.LangevinMiddleIntegrator(source.temperature_k, source.friction_per_ps, source.time_step_ps)
        integrator.setRandomNumberSeed(derive_seed(source.seed, 5, phase, frame))
        return self._device.context(system, integrator)

    def _trajectory(self, point: Checkpoint) -> app.XTCFile:
        """The XTC file, open at its end; its steps count frames, from 1."""
        interval = self._source.save_interval_ps
        path = str(self._folder / TRAJECTORY)
        return app.XTCFile(path, self._solute, interval, firstStep=1, interval=1, append=point.trajectory_bytes > 0)

    def _solute_positions(self, state: openmm.State) -> np.ndarray:
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        return positions[: self._solute.getNumAtoms()]

    def _ps(self, frames: int) -> float:
        return frames * self._source.save_interval_ps

    def _speed(self, frames: int, since: float) -> float:
        """ns/day of `frames` save intervals since a time of the monotonic clock."""
        return self._ps(frames) / _PS_PER_NS / (time.monotonic() - since) * _SECONDS_PER_DAY
