"""Methods as a text that a paper can use, what to cite, and what each stage ran with."""

import pandas as pd

import mdllm
from mdllm.page.blocks import Block, Table, Text, cell
from mdllm.page.tables import PageTables

_LIBRARIES = {
    "torch": "PyTorch (Ansel et al., ASPLOS 2024, doi:10.1145/3620665.3640366)",
    "transformers": "Transformers (Wolf et al., EMNLP 2020, doi:10.18653/v1/2020.emnlp-demos.6)",
    "MDAnalysis": "MDAnalysis (Michaud-Agrawal et al., J. Comput. Chem. 2011, doi:10.1002/jcc.21787)",
    "snakemake": "Snakemake (Mölder et al., F1000Research 2021, doi:10.12688/f1000research.29032)",
}
_OPENMM = "OpenMM (Eastman et al., J. Phys. Chem. B 2024, doi:10.1021/acs.jpcb.3c06662)"
_DEEPTIME = "deeptime (Hoffmann et al., Mach. Learn.: Sci. Technol. 2022, doi:10.1088/2632-2153/ac3de0)"
_OF_THE_PAGE = (
    "3Dmol.js (Rego and Koes, Bioinformatics 2015, doi:10.1093/bioinformatics/btu829)",
    "Vega-Lite (Satyanarayan et al., IEEE Trans. Vis. Comput. Graph. 2017, doi:10.1109/TVCG.2016.2599030)",
    "Vega-Altair (VanderPlas et al., J. Open Source Softw. 2018, doi:10.21105/joss.01057)",
)
_WORKFLOW = "MD-LLM-1 (Murtada, Brotzakis and Vendruscolo, 2025, arXiv:2508.03709)"
_CHOSEN = {
    "foldtoken4": "FoldToken4 (bioRxiv 2024, doi:10.1101/2024.08.04.606514)",
    "torsion_grid": "codes on a grid of torsions (bioRxiv 2024, doi:10.1101/2024.11.25.625337)",
    "nanogpt": "nano-GPT for molecular dynamics (J. Chem. Theory Comput. 2025, doi:10.1021/acs.jctc.5c00180)",
    "lstm": "LSTM (Tsai, Kuo and Tiwary, Nat. Commun. 11, 5115, 2020, doi:10.1038/s41467-020-18959-8)",
}


def build(tables: PageTables) -> list[Block]:
    summary, records = tables.summary, tables.provenance
    return [
        Text(tuple(paragraph for paragraph in _paragraphs(summary) if paragraph)),
        Text(("Please cite:",)),
        Text(_citations(summary, records), points=True),
        Table(_stages(records), "What each stage ran with", True),
        Table(_versions(records), "Versions", True),
    ]


def _paragraphs(summary: dict) -> list[str]:
    conditions = summary["conditions"]
    states = conditions["training_states"]
    of = "" if not states else f" of state {' and '.join(states)}"
    tokenizer, per = summary["tokenizer"], "residue" if summary["tokenizer"] else "frame"
    coded = (
        f"{summary['about']}. {conditions['training_frames']:,} MD frames{of} were coded by the tokenizer "
        f"{conditions['tokenizer']} with {conditions['codebook_size']} codes, one per {per}"
    )
    if tokenizer:
        coded += (
            f" (backbone RMSD after encoding and decoding: median {tokenizer['training']['rmsd_nm_median']:.3f} nm)"
        )
    judged = (
        "Four nulls go the same way: training frames encoded and decoded; codes drawn residue by residue from their "
        "training frequencies; training frames with spans redrawn from the statistics of residue types in other "
        "proteins; training frames whose codes were exchanged for synonyms. "
        f"Intervals are {100 * summary['confidence']:g} % bootstrap intervals over replicas "
        "(of MD, over blocks of the series)."
        if summary["discovery"] or summary["novelty"]
        else ""
    )
    verified = summary["verification"]
    tested = (
        f"Simulations of {verified['length_ps']:g} ps, {verified['replicas']} of each proposal, started in "
        f"{', '.join(verified['force_field'])} ({verified['solvent']})."
        if verified
        else ""
    )
    return [f"{coded}.", _model(summary), judged, tested, f"Software: mdllm {mdllm.__version__}."]


def _model(summary: dict) -> str:
    """What the model is, what it learned, and how its frames were drawn."""
    conditions, training, rollout = (summary[name] for name in ("conditions", "training", "rollout"))
    drawn = f"{rollout['replicas']} replicas of {rollout['frames']:,} frames, temperature {conditions['temperature']:g}"
    if held := rollout["held_entropy"]:
        drawn += (
            f" at first and then {held['lowest_temperature']:.2f} to {held['highest_temperature']:.2f} (mean "
            f"{held['mean_temperature']:.2f}), so that frames are held at {held['held_nats']:.3f} nats per code "
            f"({held['reached_nats']:.3f} reached)"
        )
    drawn += f", seed {conditions['seed']}"
    if training is None:
        base = summary["base"]
        return (
            f"Spans of training frames were redrawn by the base {base['base']} of {base['training_proteins']:,} other "
            f"proteins ({base['parameters']:,} parameters, validation loss {base['validation_loss']:.3f} nats per "
            f"hidden code; residue types {base['baseline_residue_types']:.3f}): {drawn}. {_likelihoods(rollout)}"
        )
    return (
        f"A {conditions['model']} model of {training['parameters']:,} parameters learned windows of "
        f"{conditions['context_frames']} frames and the next, in {training['steps']:,} updates (validation loss "
        f"{training['validation_loss']:.3f} nats per code; residue-wise frequencies "
        f"{training['baseline_frequencies']:.3f}, the last frame mixed with them "
        f"{training['baseline_persistence']:.3f}). It generated {drawn}, top-k {conditions['top_k']}, top-p "
        f"{conditions['top_p']:g}. {_likelihoods(rollout)} Validation frames of MD have "
        f"{-training['validation_loss'] * rollout['residues']:.1f} in the mean."
    )


def _likelihoods(rollout: dict) -> str:
    """Mean and spread over generated frames, under each that was asked."""
    under = {"model": "the model", "base": "the base alone", "tuned": "its tuned copy alone"}
    found = [
        f"{value['mean_nats']:.1f} ± {value['spread_nats']:.1f} under {under[name]}"
        for name, value in rollout["log_likelihood_of_frames"].items()
    ]
    return f"Log-likelihood of the codes drawn for a frame, nats: {', '.join(found)}."


def _citations(summary: dict, records: dict[str, dict]) -> tuple[str, ...]:
    conditions, used = summary["conditions"], [_WORKFLOW]
    used += [words for name, words in _CHOSEN.items() if name in (conditions["tokenizer"], conditions["model"])]
    used += _LIBRARIES.values()
    if summary["kinetics"]:
        used.append(_DEEPTIME)
    if summary["verification"] or "simulate" in records:
        used.append(_OPENMM)
    return (*used, *(f"this page: {words}" for words in _OF_THE_PAGE))


def _stages(records: dict[str, dict]) -> pd.DataFrame:
    rows = [
        {
            "stage": record["stage"],
            "code": record["code"],
            "commit": (record["git_commit"] or "")[:12] + ("" if record["git_clean"] else ", changed"),
            "seed": str(record["settings"].get("seed", "")),
            "device": record["device"],
            "started": record["started"][:19].replace("T", " "),
            "wall time (s)": record["wall_time_s"],
            "peak memory (MB)": round(record["peak_memory_mb"]),
        }
        for record in records.values()
    ]
    return pd.DataFrame(rows)


def _versions(records: dict[str, dict]) -> pd.DataFrame:
    """Every version of every library, which differ where stages ran in environments of their own."""
    found: dict[str, dict[str, None]] = {}
    for record in records.values():
        for name, version in record["versions"].items():
            found.setdefault(name, {})[cell(version)] = None
    return pd.DataFrame([{"library": name, "version": ", ".join(versions)} for name, versions in found.items()])
