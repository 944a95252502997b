"""Simulate: from a structure to a trajectory without solvent, its topology, and a log, with OpenMM.

The parts: `simulate_solute` completes and protonates the structure, `simulate_system` adds solvent and force field and
minimizes, `simulate_run` equilibrates and produces in segments that a killed run continues exactly, `simulate_log`
checks what came out.
"""

import io
import shutil
from pathlib import Path

import openmm
from openmm import app, unit

from mdllm.config.settings.simulation import SimulationSource
from mdllm.core.records import read_json, write_json
from mdllm.simulation.checkpoint import Checkpoint
from mdllm.simulation.log import check_log
from mdllm.simulation.platform import Device, open_device
from mdllm.simulation.run import LOG, TRAJECTORY, Preemption, Run
from mdllm.simulation.solute import build_solute
from mdllm.simulation.system import Prepared, build_system

_TOPOLOGY, _SYSTEM, _MINIMIZED = "topology.pdb", "system.xml", "minimized.json"


def simulate(
    source: SimulationSource,
    structure: Path,
    *,
    topology: Path,
    trajectory: Path,
    log: Path,
    work_folder: Path,
    threads: int = 1,
    preemption: Preemption | None = None,
    start_of_more: Path | None = None,
) -> dict:
    """Write the topology (PDB), the trajectory (XTC) and the log (CSV) of a simulation.

    Frames lie at save_interval_ps, 2 save_interval_ps ... production_ps; atoms are those of the solute, hydrogens
    included, in positions that no periodic boundary cuts. The log has the rows of the equilibration too.

    Args:
        source: the structure's chains and mutations, the solvent, conditions, lengths and seed.
        structure: PDB or mmCIF file of `source.structure`.
        work_folder: where a killed run left its checkpoint, if it did; belongs to exactly this source and structure.
        threads: used on the CPU platform; part of the result's identity there.
        preemption: asked once per save interval whether to stop.
        start_of_more: folder for `system.xml` and `state.xml` of OpenMM, from which the simulation can be continued.

    Returns:
        energy after minimization, device, atoms, speed in ns/day and mean values, for the provenance record.

    Raises:
        InputError: names the file, residue, key or step, and what to change.
    """
    device = open_device(source.platform, threads)
    work_folder.mkdir(parents=True, exist_ok=True)
    if not Checkpoint.exists(work_folder):
        _prepare(source, structure, work_folder, device)
    system = openmm.XmlSerializer.deserialize((work_folder / _SYSTEM).read_text())
    solute = app.PDBFile(str(work_folder / _TOPOLOGY)).topology
    run = Run(work_folder, system, solute, source, device)
    speed = run.finish(preemption)
    means = check_log(work_folder / LOG, source, run.degrees_of_freedom)
    if start_of_more is not None:
        shutil.copyfile(work_folder / _SYSTEM, start_of_more / _SYSTEM)
        (start_of_more / "state.xml").write_text(openmm.XmlSerializer.serialize(run.end()))
    for name, target in ((_TOPOLOGY, topology), (TRAJECTORY, trajectory), (LOG, log)):
        shutil.copyfile(work_folder / name, target)
    return {
        **read_json(work_folder / _MINIMIZED),
        "device": device.identity,
        "atoms": system.getNumParticles(),
        "atoms_saved": solute.getNumAtoms(),
        "frames": source.frames(source.production_ps),
        "speed_ns_per_day": None if speed is None else round(speed, 3),
        **means,
    }


def _prepare(source: SimulationSource, structure: Path, folder: Path, device: Device) -> None:
    """Everything before the first step: topology, system and first checkpoint, which is written last."""
    solute = build_solute(structure, source.structure, ph=source.ph, device=device, seed=source.seed)
    prepared = build_system(solute, source, device)
    _write_topology(folder / _TOPOLOGY, prepared)
    (folder / _SYSTEM).write_text(openmm.XmlSerializer.serialize(prepared.system))
    write_json(folder / _MINIMIZED, {"minimized_energy_kj_mol": round(prepared.energy_kj_mol, 3)})
    Run(folder, prepared.system, prepared.solute, source, device).begin(prepared)


def _write_topology(path: Path, prepared: Prepared) -> None:
    """The solute as PDB, with the residue numbers and chains of the structure, and without OpenMM's date."""
    text = io.StringIO()
    positions = prepared.positions_nm[: prepared.solute.getNumAtoms()] * unit.nanometer
    app.PDBFile.writeFile(prepared.solute, positions, text, keepIds=True)
    lines = text.getvalue().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("REMARK")))
