"""Simulations of the proposals of several runs, many at a time.

    snakemake --profile profiles/local --config only=SYSTEM results/SYSTEM/VARIANT/proposals/proposals.csv
    python benchmarks/side_by_side.py simulate FOLDER WORKERS SECONDS [of=SOURCE,...] results/SYSTEM/VARIANT ...
    python benchmarks/side_by_side.py judge FOLDER results/SYSTEM/VARIANT ...

A GPU that simulates one small protein after another, each stretch in a context of its own as the workflow does it to go
on exactly after a kill, spends its time on making contexts. Here each of WORKERS processes has one context for all of
its simulations: the same force field, minimization, lengths and temperature, but a killed simulation begins anew and
draws other random numbers. Clusters come first, then random frames, with `of` those of these sources alone; after
SECONDS what is not done is left. `judge` does what the stage `verify` does with those that are there, as many random
frames of each source, and writes results/SYSTEM/VARIANT/verification.
"""

import json
import logging
import multiprocessing
import shutil
import sys
import time
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import openmm
import pandas as pd
from openmm import app, unit
from record import ROOT

from mdllm.config.plan import Plan
from mdllm.config.reading import read_yaml
from mdllm.config.settings.simulation import SimulationSource
from mdllm.config.settings.stages import NoveltySettings
from mdllm.config.settings.system import Observables
from mdllm.config.settings.verification import VerificationSettings
from mdllm.core.errors import InputError
from mdllm.core.trajectories import TrajectoryWriter, open_backbone, read_backbone
from mdllm.ensembles.names import MODEL
from mdllm.simulation.platform import derive_seed, open_device
from mdllm.simulation.solute import build_solute
from mdllm.simulation.system import assign_forces
from mdllm.verification.run import Job, jobs
from mdllm.verification.verdict import CLUSTER, RANDOM, STATE, TRAINING
from mdllm.verification.verify import VerificationInputs, verify


@cache
def plan() -> Plan:
    return Plan(read_yaml(ROOT / "config" / "config.yaml"), ROOT / "config")


def settings_of(variant: Path) -> VerificationSettings:
    """Those of the run; of its system's first one where cost.py has made the proposals."""
    runs = plan().system(variant.parent.name).trained
    return runs.get(variant.name, next(iter(runs.values()))).settings.verification


def jobs_of(variant: Path, folder: Path) -> list[Job]:
    table = pd.read_csv(variant / "proposals" / "proposals.csv")
    later = int(variant.name.partition("_round_")[2] or 1) - 1  # rounds before this one: each draws with other seeds
    return jobs(table, settings_of(variant), 100_000 * later, folder / variant.parent.name / variant.name)


def items(folder: Path, variants: list[Path], sources: set[str]) -> Iterator[tuple[Path, int]]:
    """Variant and number of a job, those of all variants in turn, first clusters and training frames, then the rest."""
    found = []
    for variant in variants:
        table = pd.read_csv(variant / "proposals" / "proposals.csv")
        for number, job in enumerate(jobs_of(variant, folder)):
            row = table.iloc[number // settings_of(variant).replicas]
            place = int(str(row["group"]).rpartition("_")[2])
            if row["source"] in (sources or {row["source"]}) and not (job.folder / "result.json").is_file():
                found.append(
                    ((row["kind"] not in (CLUSTER, STATE, TRAINING), place, row["source"] != MODEL), variant, number)
                )
    for _, variant, number in sorted(found, key=lambda item: item[0]):
        yield variant, number


@lru_cache(maxsize=1)
def context_of(system: str, temperature_k: float, friction_per_ps: float, time_step_ps: float) -> openmm.Context:
    integrator = openmm.LangevinMiddleIntegrator(temperature_k, friction_per_ps, time_step_ps)
    return open_device(None, 1).context(openmm.XmlSerializer.deserialize(system), integrator)


def simulated(source: SimulationSource, structure: Path, job: Job) -> dict:
    """Trajectory and topology of one simulation, and what a result holds."""
    solute = build_solute(structure, source.structure, ph=source.ph, device=open_device("CPU", 1), seed=source.seed)
    system = openmm.XmlSerializer.serialize(assign_forces(solute.topology, source))
    context = context_of(system, source.temperature_k, source.friction_per_ps, source.time_step_ps)
    context.setPositions(solute.positions)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=source.minimize_steps)
    start = context.getState(positions=True, energy=True)
    energy = start.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    with open(job.topology, "w") as file:
        app.PDBFile.writeFile(solute.topology, start.getPositions(), file, keepIds=True)
    context.setVelocitiesToTemperature(source.temperature_k, derive_seed(source.seed, 3))
    context.getIntegrator().step(source.frames(source.nvt_ps) * source.steps_per_frame)
    written = app.XTCFile(str(job.trajectory), solute.topology, source.save_interval_ps, firstStep=1, interval=1)
    for _ in range(source.frames(source.production_ps)):
        context.getIntegrator().step(source.steps_per_frame)
        written.writeModel(context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    job.system.write_text(system)
    job.state.write_text(openmm.XmlSerializer.serialize(context.getState(positions=True, velocities=True)))
    device = open_device(None, 1).identity
    return {"minimized_energy_kj_mol": round(energy, 3), "device": device, "atoms": solute.topology.getNumAtoms()}


def one(item: tuple[Path, Path, int]) -> str:
    folder, variant, number = item
    job, settings = jobs_of(variant, folder)[number], settings_of(variant)
    structure = variant / "proposals" / "structures" / f"{job.proposal}.pdb"
    job.folder.mkdir(parents=True, exist_ok=True)
    job.trajectory.unlink(missing_ok=True)  # of a killed one
    try:
        notes = simulated(settings.simulation(structure, job.seed), structure, job)
    except InputError as error:
        notes = {"failure": str(error).replace(str(structure), structure.name)}
    except (openmm.OpenMMException, ValueError) as error:  # not a number: in forces, or in what is to be written
        if "nan" not in str(error).lower():
            raise
        notes = {"failure": "atoms lie on each other, and no force can part them"}
        context_of.cache_clear()
    (job.folder / "result.json").write_text(json.dumps(notes))
    return f"{variant.parent.name}/{variant.name}/{job.proposal}_{job.replica}"


def simulate(folder: str, workers: str, seconds: str, *variants: str) -> None:
    began = time.monotonic()
    chosen, folders = ([word for word in variants if word.startswith("of=") == of] for of in (True, False))
    sources = {source for word in chosen for source in word.removeprefix("of=").split(",")}
    left = [(Path(folder), *item) for item in items(Path(folder), [Path(variant) for variant in folders], sources)]
    with multiprocessing.get_context("spawn").Pool(int(workers), quiet) as pool:
        ended = pool.imap_unordered(one, left)
        for count in range(1, len(left) + 1):
            try:
                name = ended.next(timeout=float(seconds) - (time.monotonic() - began))
            except multiprocessing.TimeoutError:
                print(f"{len(left) - count + 1} of {len(left)} are left", flush=True)
                break
            if count <= 3 or count % 50 == 0:
                print(f"{count} of {len(left)}, {time.monotonic() - began:.0f} s: {name}", flush=True)


def quiet() -> None:
    logging.basicConfig(level=logging.ERROR)


def judge(folder: str, *variants: str) -> None:
    for variant in map(Path, variants):
        frames, settings = variant.parents[2] / plan().system(variant.parent.name).frames, settings_of(variant)
        table = pd.read_csv(variant / "proposals" / "proposals.csv")
        done = np.array([(job.folder / "result.json").is_file() for job in jobs_of(variant, Path(folder))])
        random, draw = table["kind"] == RANDOM, table["group"].astype(str).str.rpartition("_")[2].astype(int)
        of_each = [
            runs_from_one(set(draw[random & done & (table["source"] == s)])) for s in set(table["source"][random])
        ]
        kept = done & (~random | (draw <= min(of_each, default=0)))
        print(
            f"{variant}: {kept.sum()} of {len(table)}, {min(of_each, default=0)} random frames of each source",
            flush=True,
        )
        with TemporaryDirectory() as chosen:
            proposals, backbones = Path(chosen) / "proposals.csv", Path(chosen) / "backbones.xtc"
            table[kept].to_csv(proposals, index=False)
            universe = open_backbone(frames / "topology.pdb", variant / "proposals" / "backbones.xtc")
            with TrajectoryWriter(backbones) as writer:
                writer.write(read_backbone(universe, np.flatnonzero(kept)), np.arange(kept.sum()))
            inputs = VerificationInputs(
                *(frames / name for name in ("topology.pdb", "trajectory.xtc", "frames.parquet", "slow.npz")),
                *(variant / name for name in ("tokens/codes.npz", "analysis/description.json", "novelty/novelty.json")),
                proposals,
                backbones,
            )
            work, output = Path(folder) / variant.parent.name / variant.name, variant / "verification"
            shutil.rmtree(output, ignore_errors=True)
            output.mkdir()
            about = {
                "observables": Observables(),
                "novelty": NoveltySettings(),
                "settings": settings,
                "seed": 0,
                "round_number": 1,
            }
            print(verify(inputs, **about, work_folder=work, output=output), flush=True)


def runs_from_one(draws: set[int]) -> int:
    """How many of 1, 2, 3 ... are there without a gap."""
    return next(number for number in range(len(draws) + 1) if number + 1 not in draws)


if __name__ == "__main__":
    {"simulate": simulate, "judge": judge}[sys.argv[1]](*sys.argv[2:])
