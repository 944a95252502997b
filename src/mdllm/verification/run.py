"""The simulations of all proposals: each in a folder of its own, continued exactly where it was stopped.

A simulation is one of `mdllm.simulation`, so that the same command after a kill ends with the same bytes. One that
cannot be prepared or that blows up is no failure of the run: that, and why, is its result. Simulations are independent,
so they are spread over jobs by their number, and the result is the same for any number of jobs.
"""

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.config.settings.verification import VerificationSettings
from mdllm.core.errors import InputError
from mdllm.core.records import read_json, write_json
from mdllm.simulation.checkpoint import Checkpoint
from mdllm.simulation.platform import open_device
from mdllm.simulation.run import Preemption
from mdllm.simulation.simulate import simulate

logger = logging.getLogger(__name__)
_RESULT, _WORK = "result.json", "work"


@dataclass(frozen=True)
class Job:
    """One simulation of one proposal.

    Attributes:
        seed: of its random draws.
        folder: where it lies, below the work folder of the stage.
    """

    proposal: str
    replica: int
    seed: int
    folder: Path

    @property
    def topology(self) -> Path:
        return self.folder / "topology.pdb"

    @property
    def trajectory(self) -> Path:
        return self.folder / "trajectory.xtc"

    @property
    def log(self) -> Path:
        return self.folder / "simulation.csv"

    @property
    def system(self) -> Path:
        return self.folder / "system.xml"

    @property
    def state(self) -> Path:
        return self.folder / "state.xml"

    def result(self) -> dict:
        """`energy` after minimization, `device` and more, or, where it could not be simulated, `failure` in words."""
        return read_json(self.folder / _RESULT)


def jobs(proposals: pd.DataFrame, settings: VerificationSettings, seed: int, work_folder: Path) -> list[Job]:
    """Every simulation, in the order of the table `proposals.csv`."""
    return [
        Job(
            proposal,
            replica,
            int(np.random.SeedSequence([seed, number, replica]).generate_state(1)[0]),
            work_folder / f"{proposal}_{replica}",
        )
        for number, proposal in enumerate(proposals["proposal"])
        for replica in range(settings.replicas)
    ]


def run_jobs(
    chosen: Sequence[Job],
    structures: Path,
    settings: VerificationSettings,
    threads: int,
    preemption: Preemption | None = None,
) -> dict:
    """Simulate those that are not done.

    Args:
        structures: folder of heavy atoms, NAME.pdb of each proposal.
        threads: used on the CPU platform; part of the result's identity there.

    Returns:
        counts, and the device, for the provenance record.
    """
    device = open_device(settings.platform, threads).identity  # or none of them could run, which is no finding
    failed = 0
    for number, job in enumerate(chosen, start=1):
        if not (job.folder / _RESULT).is_file():
            logger.info("%s, replica %d (%d of %d)", job.proposal, job.replica, number, len(chosen))
            _begin_again_elsewhere(job, device)
            _simulate(job, structures / f"{job.proposal}.pdb", settings, threads, preemption)
        failed += "failure" in job.result()
    return {"simulations": len(chosen), "failed": failed, "device": device}


def failures(done: Sequence[Job]) -> Iterator[tuple[Job, str]]:
    """Jobs that could not be simulated, and why."""
    for job in done:
        if "failure" in (result := job.result()):
            yield job, result["failure"]


def _begin_again_elsewhere(job: Job, device: str) -> None:
    """Drop what another device has begun, which this one cannot continue."""
    work = job.folder / _WORK
    if Checkpoint.exists(work):
        try:
            Checkpoint.read(work, device)
        except InputError as error:
            logger.warning("%s, replica %d begins again: %s", job.proposal, job.replica, error)
            shutil.rmtree(work)


def _simulate(
    job: Job, structure: Path, settings: VerificationSettings, threads: int, preemption: Preemption | None
) -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    try:
        notes = simulate(
            settings.simulation(structure, job.seed),
            structure,
            topology=job.topology,
            trajectory=job.trajectory,
            log=job.log,
            work_folder=job.folder / _WORK,
            threads=threads,
            preemption=preemption,
            start_of_more=job.folder,
        )
    except InputError as error:
        message = str(error).replace(str(structure), structure.name)
        logger.warning("%s, replica %d falls apart: %s", job.proposal, job.replica, message)
        notes = {"failure": message}
    write_json(job.folder / _RESULT, {key: value for key, value in notes.items() if key != "speed_ns_per_day"})
