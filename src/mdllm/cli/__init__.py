"""The command `mdllm`: what one does with results and files beside the workflow itself, which Snakemake runs.

Each command imports what it needs when it is called, so that `mdllm --help` answers at once. An `InputError` ends it
with its message and status 1.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mdllm.cli import project
from mdllm.core.errors import InputError

app = typer.Typer(
    help="Molecular dynamics as a language: commands beside the workflow, which Snakemake runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(project.app)


@app.command()
def report(folders: Annotated[list[Path], typer.Argument(help="results of systems: results/SYSTEM ...")]) -> None:
    """Print what was found: losses, states and kinetics of every variant of a system."""
    from mdllm.report.text import render

    typer.echo("\n\n".join(map(render, folders)))


@app.command(name="list")
def choices() -> None:
    """List what a config file can choose by name, that of installed packages included."""
    from mdllm.config import choices
    from mdllm.core.text_tables import aligned
    from mdllm.figures.registry import figures

    kinds = {
        "tokenizers": choices.TOKENIZERS,
        "discretizers": choices.DISCRETIZERS,
        "models": choices.MODELS,
        "sources": choices.SOURCES,
        "sources of collections": choices.COLLECTION_SOURCES,
        "collective variables": choices.VARIABLES,
    }
    rows = [(kind, "  ".join(registry.classes)) for kind, registry in kinds.items()]
    typer.echo("\n".join(aligned([*rows, ("figures", "  ".join(figures()))])))


@app.command()
def schemas(
    check: Annotated[bool, typer.Option("--check", help="write nothing; fail if anything is wrong")] = False,
    root: Annotated[Path, typer.Option(help="folder that holds workflow/schemas/ and config/")] = Path(),
) -> None:
    """Write the JSON Schemas of config files and summaries, or check those written, and the config files."""
    from mdllm import schemas

    if not check:
        typer.echo("\n".join(map(str, schemas.write(root))))
    elif found := schemas.problems(root):
        raise InputError("\n".join(found))
    else:
        typer.echo("schemas and config files agree")


@app.command()
def estimate(
    plan: Annotated[typer.FileText, typer.Argument(help="what a dry run printed; -: read it from a pipe")] = "-",
) -> None:
    """Count the jobs and GPU-hours of a run: snakemake --profile profiles/slurm --dry-run | mdllm estimate"""
    from mdllm.run.resources import jobs_of_dry_run, table

    typer.echo(table(jobs_of_dry_run(plan.read())))


@app.command()
def stale(results: Annotated[Path, typer.Argument(help="results of all systems")] = Path("results")) -> None:
    """List results that older code made and that no run would renew, each with the command that does."""
    from mdllm.run.stale import stale_results, table

    if not results.is_dir():
        raise InputError(f"{results} is no folder; run this where the workflow runs")
    typer.echo(table(stale_results(results)))


@app.command()
def improbable(
    codes: Annotated[Path, typer.Argument(help="results/SYSTEM/VARIANT/tokens/codes.npz")],
    models: Annotated[list[Path], typer.Argument(help="folders results/SYSTEM/VARIANT/model")],
) -> None:
    """Count improbable codes that a model draws and that MD has: what rollout.epsilon_cutoff is chosen by."""
    from mdllm.models.diagnostics.improbable import improbable

    for folder in models:
        table = improbable(codes, folder)
        typer.echo(f"{folder}\n" + table.to_string(index=False, float_format="{:.1e}".format))


@app.command()
def codebook(
    collection: Annotated[Path, typer.Argument(help="results/collections/NAME")],
    output: Annotated[Path, typer.Option(help="file to write")] = Path("steps.safetensors"),
) -> None:
    """Make the codebooks of the tokenizer `chain` anew, from the training proteins of a collection."""
    from mdllm.collections.reader import Collection
    from mdllm.tokenizers.chain.codebook import make_codebooks

    typer.echo(f"{output}: codebooks of {make_codebooks(Collection(collection), output)} steps")


@app.command()
def propose(
    starts: Annotated[Path, typer.Argument(help="results/SYSTEM/frames, or a structure file of one chain")],
    output: Annotated[Path, typer.Option(help="folder to make")],
    base: Annotated[
        str | None, typer.Option(help="a folder results/bases/NAME; without it, the base that comes with mdllm")
    ] = None,
    count: Annotated[int, typer.Option(help="proposals, and as many of the null", min=1)] = 400,
    moves: Annotated[int, typer.Option(help="spans that are redrawn, one after the other", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="root of every random draw", min=0)] = 0,
) -> None:
    """Propose other structures of a protein, from what a base knows of all proteins: no MD, nothing said of where."""
    from mdllm.bases.files import propose
    from mdllm.bases.settings import COMES_WITH_MDLLM, ProposalSettings

    made = propose(starts, base or COMES_WITH_MDLLM, ProposalSettings(moves=moves), count, seed, output)
    typer.echo(
        f"{output}: {made['proposals']} proposals, and as many of the null, of {made['start_structures']} starts"
    )


@app.command()
def export(
    states: Annotated[list[Path], typer.Argument(help="folders results/SYSTEM/VARIANT/verification/states/NAME")],
) -> None:
    """Write the starts of verified states for AMBER and GROMACS, in the force field that has judged them."""
    from mdllm.verification.export import COMMANDS, export

    for state in states:
        typer.echo("\n".join(map(str, export(state))))
    typer.echo("\n".join(COMMANDS))


Model = Annotated[str, typer.Option(help="results/dances/NAME, or released weights: file, folder or name on the hub")]
Encoder = Annotated[str | None, typer.Option(help="ESM2 of released weights that hold the heads alone")]
Checksum = Annotated[str | None, typer.Option(help="SHA-256 of released weights; default: that of their first use")]


@app.command()
def dance(
    sequences: Annotated[
        str, typer.Argument(help="sequence (`:` between chains), FASTA file, or results/SYSTEM/frames")
    ],
    model: Model,
    output: Annotated[Path, typer.Option(help="folder to make")],
    embeddings: Annotated[bool, typer.Option(help="write the encoder's last layer as well")] = False,
    attention: Annotated[bool, typer.Option(help="write the attention maps as well")] = False,
    window: Annotated[int | None, typer.Option(help="residues predicted at once; default: 1022")] = None,
    figures: Annotated[int, typer.Option(help="proteins that are drawn at most", min=0)] = 20,
    sha256: Checksum = None,
    encoder: Encoder = None,
) -> None:
    """Predict dynamic properties of sequences, with SeqDance or ESMDance, or of a system, beside its MD."""
    from mdllm.figures.dance import draw_predictions
    from mdllm.seqdance.files import open_model, read_sequences, write_beside, write_predictions
    from mdllm.seqdance.predict import WINDOW

    asked = {"window": window or WINDOW, "embeddings": embeddings, "attention": attention}
    if Path(sequences).is_dir():
        made = write_beside(Path(sequences), open_model(model, sha256, encoder), output, **asked)
    else:
        made = write_predictions(read_sequences(sequences), open_model(model, sha256, encoder), output, **asked)
    drawn = draw_predictions(output, made["protein"][:figures])
    typer.echo(f"{output}: {len(made)} proteins, {drawn} of them drawn")


@app.command()
def dance_scan(
    sequence: Annotated[str, typer.Argument(help="a sequence of one chain, or a FASTA file with one")],
    model: Model,
    output: Annotated[Path, typer.Option(help="folder to make")],
    score: Annotated[str, typer.Option(help="that is drawn: paper, residues or independent")] = "independent",
    esm2: Annotated[str | None, typer.Option(help="ESM2 whose likelihood is a reference: folder, or name")] = None,
    sha256: Checksum = None,
    encoder: Encoder = None,
) -> None:
    """Scan all single mutants of a protein: how much each changes what a model predicts of its dynamics."""
    from mdllm.figures.mutations import draw_scan
    from mdllm.seqdance.files import open_model, read_sequences
    from mdllm.seqdance.mutations.changes import SCORES
    from mdllm.seqdance.mutations.files import SCAN, scan

    if score not in SCORES:
        raise InputError(f"score {score} is unknown; choose one of {', '.join(SCORES)}")
    found = read_sequences(sequence)
    if len(found) > 1:
        raise InputError(f"{sequence} holds {len(found)} sequences; a scan is of one")
    ((name, letters),) = found.items()
    table = scan(name, letters, open_model(model, sha256, encoder), esm2, output)
    draw_scan(output / SCAN, score, output / "figures" / "scan")
    typer.echo(f"{output}: {len(table)} mutants")


@app.command()
def dance_benchmark(
    measured: Annotated[list[Path], typer.Argument(help="CSV of the mega-scale set or of ProteinGym, or one's own")],
    model: Model,
    output: Annotated[Path, typer.Option(help="folder to make")],
    esm2: Annotated[str | None, typer.Option(help="ESM2 whose likelihood is a reference: folder, or name")] = None,
    trained_on: Annotated[
        Path | None, typer.Option(help="proteins of the model's training, for homologs; default: those in its folder")
    ] = None,
    identity: Annotated[float, typer.Option(help="from which on a protein is a homolog", min=0, max=1)] = 0.3,
    sha256: Checksum = None,
    encoder: Encoder = None,
) -> None:
    """Compare scores of mutations with measurements, protein by protein, beside simple references."""
    import pandas as pd

    from mdllm.seqdance.files import open_model
    from mdllm.seqdance.mutations.files import benchmark
    from mdllm.seqdance.storage import PROTEINS

    own = Path(model) / PROTEINS
    known = trained_on or (own if own.is_file() else None)
    benchmark(measured, open_model(model, sha256, encoder), esm2, known, identity, output)
    typer.echo(pd.read_csv(output / "medians.csv").to_string(index=False, float_format="{:.3f}".format))


@app.command()
def likelihood(
    results: Annotated[Path, typer.Argument(help="results/SYSTEM/VARIANT, whose model is asked")],
    topology: Annotated[Path, typer.Argument(help="of the trajectory, one chain; results/SYSTEM/frames has one")],
    trajectory: Annotated[Path, typer.Argument(help="frames as far apart in time as those that the model learned")],
    output: Annotated[Path, typer.Option(help="table with a row for each frame")] = Path("likelihood.csv"),
) -> None:
    """Log-likelihood of a trajectory under a trained model, forwards and backwards in time, and entropy production."""
    from mdllm.models.diagnostics.trajectories import entropy_production, likelihood_of_trajectory
    from mdllm.results import Results

    own = Results(results)
    tokens, model = own.place("tokenize", "tokens"), own.place("train", "model")
    prepared = own.folder.parent / "frames" / "topology.pdb"
    table = likelihood_of_trajectory(tokens, model, prepared, topology, trajectory)
    table.to_csv(output, index=False)
    rate = "{:.4f} ({:.4f} to {:.4f})".format(*entropy_production(table))
    typer.echo(
        f"{len(table)} frames: {table['forward_nats'].mean():.3f} nats a frame forwards, "
        f"{table['backward_nats'].mean():.3f} backwards; entropy production {rate} nats a frame; see {output}"
    )


@app.command()
def check_foldtoken4(
    checkout: Annotated[str, typer.Option(help="folder of the clone of A4Bio/FoldToken_open")],
    weights: Annotated[str, typer.Option(help="the checkpoint from Zenodo record 13901445")],
    structure: Annotated[Path, typer.Option(help="PDB or mmCIF file; its first model is used")],
    config: Annotated[str | None, typer.Option(help="its config.yaml; default: the one beside the weights")] = None,
    selection: Annotated[str, typer.Option(help="MDAnalysis selection of the residues")] = "protein",
    chains: Annotated[list[int] | None, typer.Option(help="residues of each chain, once for each")] = None,
    level: Annotated[int, typer.Option(help="2^level codes")] = 8,
    checksum: Annotated[str | None, typer.Option(help="md5:... or sha256:... of the weights")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    seeds: Annotated[int, typer.Option(help="decoder seeds compared")] = 8,
    decoder_seed: Annotated[int, typer.Option(help="the seed used where nothing is drawn")] = 0,
    largest_rmsd_nm: Annotated[float, typer.Option(help="encode->decode error that is a problem")] = 0.4,
) -> None:
    """Verify a set-up of FoldToken4 on one structure, before any trajectory is tokenized."""
    from mdllm.config.reading import validate
    from mdllm.tokenizers.foldtoken4.check import check
    from mdllm.tokenizers.foldtoken4.settings import FoldToken4Settings

    content = {"name": "foldtoken4", "checkout": checkout, "weights": weights, "config": config, "level": level}
    content |= {"weights_checksum": checksum, "device": device, "decoder_seed": decoder_seed, "chains": chains or None}
    settings = validate(FoldToken4Settings, content, "check-foldtoken4")
    if problems := check(settings, structure, selection, seeds, largest_rmsd_nm):
        raise InputError("\n".join(f"problem: {problem}" for problem in problems))
    typer.echo("the set-up works")


@app.command(hidden=True)
def dance_process(share: Annotated[str, typer.Argument(help="the fields of `DanceTraining` as JSON")]) -> None:
    """One of several processes that train a model of dynamic properties together."""
    from mdllm.seqdance.stage import DanceTraining

    DanceTraining(**json.loads(share)).run(process=int(os.environ["RANK"]))


@app.command(hidden=True)
def base_process(share: Annotated[str, typer.Argument(help="the fields of `BaseTraining` as JSON")]) -> None:
    """One of several processes that train a base together."""
    from mdllm.bases.stage import BaseTraining

    BaseTraining(**json.loads(share)).run(process=int(os.environ["RANK"]))


@app.command(hidden=True)
def train_process(share: Annotated[str, typer.Argument(help="the fields of `Training` as JSON")]) -> None:
    """One of several processes that train together; `accelerate launch` starts them."""
    from mdllm.models.training.processes import Training

    Training(**json.loads(share)).run(process=int(os.environ["RANK"]))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, `sys.argv` unless `arguments` are given, and end the process."""
    try:
        app(args=arguments, prog_name="mdllm")
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
