"""What a run found, as text: what `mdllm report` prints of the variants of one system."""

from collections.abc import Mapping
from pathlib import Path

from mdllm.core.errors import InputError
from mdllm.core.records import read_json
from mdllm.core.text_tables import aligned
from mdllm.ensembles.names import MODEL, NULLS
from mdllm.report import nearest
from mdllm.report.answer import interval, percent

_LOSSES = ("variant", "trained on", "validation loss", "frequencies", "persistence", "seconds")
_MOVING = {
    "model": "model",
    "md_halves": "halves of MD",
    "md_training": "training frames",
    **NULLS,
    "gnm": "GNM",
    "anm": "ANM",
}
_FOUND = ("variant", "state", "in its region", "found", *NULLS.values(), "verdict")


def render(folder: Path) -> str:
    """Losses of every variant of one system, then discoveries and kinetics of those that have them.

    Raises:
        InputError: the folder holds no summary.
    """
    summaries = {path.parent.name: read_json(path) for path in sorted(folder.glob("*/summary.json"), reverse=True)}
    if not summaries:
        raise InputError(f"{folder} holds no */summary.json; run the workflow first")
    trained = {name: summary for name, summary in summaries.items() if summary["training"]}
    parts = []
    if trained:
        parts.append(["Validation loss and its baselines, nats per code:", *aligned(_losses(trained), rule=True)])
    parts.append([_base(name, summary["base"]) for name, summary in summaries.items() if summary.get("base")])
    if found := {name: summary for name, summary in summaries.items() if summary["discovery"]}:
        confidence = next(iter(found.values()))["confidence"]
        title = (
            f"Share of frames in each state (* trained on), with {100 * confidence:g} % interval. Found, also of the "
            "nulls: in its region, and as close to true frames, where any are known, as these are to each other."
        )
        parts.append([title, *aligned(_discoveries(found), rule=True)])
        parts.append([f"{name}: {s['novelty']['verdict']}" for name, s in summaries.items() if s.get("novelty")])
    if moving := {name: summary for name, summary in summaries.items() if summary.get("dynamics")}:
        title = "Motion beside all of MD: Pearson; of torsions and secondary structure bits of divergence, 0 is alike:"
        parts.append([title, *aligned(_motions(moving), rule=True)])
        parts.append([f"{name}: {summary['dynamics']['verdict']}" for name, summary in moving.items()])
    for name, summary in summaries.items():
        if verified := summary.get("verification"):
            title = f"{name}: MD of {verified['length_ps']:g} ps, {verified['replicas']} of each proposal:"
            if verified["limit"] > 1:
                title += f" (simulations of training frames go as far as novelty {verified['limit']:.1f})"
            parts.append([title, *(f"  {sentence}" for sentence in verified["sentences"])])
    if kinetic := {name: summary for name, summary in sorted(summaries.items()) if summary["kinetics"]}:
        passages = folder / "figures" / "mfpt_table.md"
        parts.append([passages.read_text()] if passages.is_file() else [])
        parts.append([f"{name}: {s['kinetics']['comparisons']['model']['verdict']}" for name, s in kinetic.items()])
        parts.append([nearest.table(kinetic)])
    folders = [folder / name / "figures" for name in summaries] + [folder / "figures"]
    parts.append(["Figures: " + ", ".join(str(path) for path in folders if path.is_dir())])
    if (page := folder / "report.html").is_file():
        parts.append([f"Page, for a browser: {page}"])
    return "\n\n".join("\n".join(part) for part in parts if part)


def _losses(summaries: Mapping[str, dict]) -> list[tuple[str, ...]]:
    rows = [_LOSSES]
    for variant, summary in summaries.items():
        training, states = summary["training"], summary["conditions"]["training_states"]
        values = (training[key] for key in ("validation_loss", "baseline_frequencies", "baseline_persistence"))
        losses = (f"{value:.3f}" for value in values)
        rows.append(
            (variant, "all frames" if states is None else ", ".join(states) or "ranges", *losses, _seconds(training))
        )
    return rows


def _base(variant: str, base: dict) -> str:
    return (
        f"{variant}: base {base['base']} of {base['training_proteins']} other proteins, validation loss "
        f"{base['validation_loss']:.3f} nats per hidden code (residue types {base['baseline_residue_types']:.3f}, "
        f"pairs of types {base['baseline_pairs_of_types']:.3f})"
    )


def _seconds(training: dict) -> str:
    return f"{training['training_seconds']:.0f}"


def _discoveries(summaries: Mapping[str, dict]) -> list[tuple[str, ...]]:
    rows = [_FOUND]
    for variant, summary in summaries.items():
        for state, entry in summary["discovery"].items():
            region, *nulls = (
                percent(entry[source][key]["value"])
                for source, key in ((MODEL, "share"), *((null, "share_found") for null in NULLS))
            )
            name = state + " *" * entry["training_state"]
            rows.append((variant, name, region, interval(entry[MODEL]["share_found"]), *nulls, entry["verdict"]))
    return rows


def _motions(summaries: Mapping[str, dict]) -> list[tuple[str, ...]]:
    rows = [("variant", "quantity", *_MOVING.values())]
    for variant, summary in summaries.items():
        for entry in summary["dynamics"]["agreement"]:
            if entry["headline"] and entry["reference"] == "md":
                found = [entry["by_source"].get(source) for source in _MOVING]
                numbers = ("" if number is None else f"{number['value']:.3f}" for number in found)
                rows.append((variant, entry["quantity"].replace("_", " "), *numbers))
    return rows
