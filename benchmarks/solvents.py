"""What a step of a small protein takes on one core: force fields as OpenMM makes them, and as the workflow does.

``python benchmarks/solvents.py`` writes records/solvents.json: milliseconds of processor time per evaluation of all
forces of Trp-cage (1L2Y, 304 atoms), the best of five turns.
"""

import gzip
import tempfile
import time
from pathlib import Path

import openmm
from openmm import app
from record import ROOT, write_record

from mdllm.config.settings.simulation import SimulationSource, StartStructure
from mdllm.simulation.platform import Device, open_device
from mdllm.simulation.solute import build_solute
from mdllm.simulation.system import assign_forces

FORCE_FIELDS = (
    ["amber99sbildn.xml", "amber99_obc.xml"],
    ["charmm36.xml", "implicit/obc2.xml"],
    ["charmm36.xml", "implicit/gbn2.xml"],
)
TURNS, EVALUATIONS = 5, 20


def milliseconds(system: openmm.System, positions, device: Device) -> float:
    """Processor time of one evaluation, after one that compiles what is to be compiled."""
    context = device.context(system, openmm.VerletIntegrator(0.001))
    context.setPositions(positions)
    context.getState(forces=True)
    began = time.process_time()
    for _ in range(EVALUATIONS):
        context.getState(forces=True)
    return 1000 * (time.process_time() - began) / EVALUATIONS


def main() -> None:
    device = open_device("CPU", 1)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "1l2y.pdb"
        path.write_bytes(gzip.decompress((ROOT / "tests" / "data" / "1l2y.pdb.gz").read_bytes()))
        solute = build_solute(path, StartStructure(file=str(path)), ph=7, device=device, seed=0)
    results = []
    for files in FORCE_FIELDS:
        source = SimulationSource(
            type="simulation",
            structure={"file": str(path)},
            solvent={"type": "implicit", "force_field": files},
            production_ps=10,
        )
        masses = {"constraints": app.HBonds, "hydrogenMass": source.hydrogen_mass_da}
        systems = {
            "as_written": app.ForceField(*files).createSystem(solute.topology, **masses),
            "by_kernels": assign_forces(solute.topology, source),
        }
        best = {
            name: min(milliseconds(system, solute.positions, device) for _ in range(TURNS))
            for name, system in systems.items()
        }
        row = {"force_field": files, **{f"{name}_ms": round(spent, 2) for name, spent in best.items()}}
        results.append(row | {"ratio": round(best["as_written"] / best["by_kernels"], 1)})
        print(results[-1], flush=True)
    write_record("solvents", {"device": device.identity, "atoms": solute.topology.getNumAtoms(), "rows": results})


if __name__ == "__main__":
    main()
