"""Commands for a project: begun from raw files or as the demo, checked before a run, watched while it runs."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from mdllm.core.errors import InputError

_WATCH_S = 3
app = typer.Typer()


@app.command()
def init(
    topology: Annotated[Path, typer.Argument(help="topology of the molecule: PDB, GRO, PSF, prmtop ...")],
    trajectories: Annotated[
        list[Path] | None,
        typer.Argument(help="frames: XTC, DCD, TRR ...; none: those of a PDB file with several models"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="of the system; default: as the topology is called")] = None,
    reference: Annotated[str | None, typer.Option(help="structure file or PDB id of a state to look for")] = None,
) -> None:
    """Look at your own trajectory, and propose a system file for it: what to measure, its states, what to train on."""
    from mdllm.figures.survey import draw
    from mdllm.project.make import make_project
    from mdllm.survey.propose import name_of, propose, survey_folder, system_path
    from mdllm.survey.text import found, seen

    _say_warnings()
    name = name or name_of(topology)
    proposal = propose(name, topology, trajectories or [], reference, Path())
    picture = draw(survey_folder(Path(), name))
    made = make_project(Path(), [name])
    lines = [
        "seen:",
        *(f"  {line}" for line in seen(proposal)),
        "proposed:",
        *(f"  {line}" for line in found(proposal)),
    ]
    lines += ["written:", *(f"  {path}" for path in (system_path(Path(), name), picture, *made))]
    lines += ["next:", f"  mdllm check {name}", f"  snakemake --profile profiles/local --config only={name}"]
    lines += [f"  mdllm report results/{name}"]
    typer.echo("\n".join(lines))


@app.command()
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="systems, base_NAME or collect_NAME; default: the systems of config/config.yaml"),
    ] = None,
    cores: Annotated[int, typer.Option(help="that the run is given", min=1)] = 2,
) -> None:
    """Say what a run will take, time, memory, disk and GPU-hours, and what it lacks; fetches what systems need."""
    from mdllm.check import check, check_target, targets
    from mdllm.sources.cache import cache_folder

    _say_warnings()
    chosen = [name for name in names or [] if name in targets(Path("config"))]
    systems = [name for name in names or [] if name not in chosen]
    found = [check_target(name, Path(), cache_folder()) for name in chosen]
    if systems or not chosen:
        found.append(check(_plan(systems), Path(), cache_folder(), cores))
    typer.echo("\n\n".join("\n".join(lines) for lines, _ in found))
    if any(lacking for _, lacking in found):
        raise typer.Exit(1)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="folder to make; one that is there goes on")] = Path("mdllm-demo"),
    run: Annotated[bool, typer.Option(help="run the workflow; else say how")] = True,
) -> None:
    """Make a project of the demo, real MD of Trp-cage in two states, and run it: five minutes on two cores."""
    import subprocess

    from mdllm.project.make import add_system, make_project
    from mdllm.report.text import render

    name = "trp_cage"
    make_project(folder, [name])
    add_system(folder, name)
    command = ["snakemake", "--profile", "profiles/local", "--config", f"only={name}"]
    if not run:
        typer.echo(f"cd {folder}\n{' '.join(command)}\nmdllm report results/{name}")
        return
    if subprocess.run([sys.executable, "-m", *command], cwd=folder).returncode:
        raise InputError(f"the run has failed, as is said above; to go on from there: mdllm demo {folder}")
    typer.echo(render(folder / "results" / name))


@app.command()
def status(
    names: Annotated[list[str] | None, typer.Argument(help="systems; default: those of config/config.yaml")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="look again every few seconds, until all is done")] = False,
) -> None:
    """Show what is done, runs, waits or failed, from the files that stages write; also while a cluster runs them."""
    import time

    from mdllm.status import finished, table

    plan = _plan(names)
    while True:
        text = table(plan, Path())
        if watch:
            typer.clear()
        typer.echo(text)
        if not watch or finished(plan, Path()):
            return
        time.sleep(_WATCH_S)


def _plan(names: list[str] | None):
    """The plan of config/ in the working directory, of some systems or of those that it lists."""
    from mdllm.config.plan import Plan
    from mdllm.config.reading import read_yaml

    return Plan({**read_yaml(Path("config/config.yaml")), **({"only": names} if names else {})}, Path("config"))


def _say_warnings() -> None:
    """Warnings of ours on standard error, a line each; those of other libraries are not for a user."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    handler.addFilter(logging.Filter("mdllm"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(True)
