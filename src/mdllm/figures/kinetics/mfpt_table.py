"""The table of mean first passage times, as in the paper of nano-GPT: pairs in rows, models in columns.

The reference comes first with its error: mean and standard deviation of the runs, as for the models, where it is MD;
exact values have none. Notes below the table say why a value is missing or uncertain.
"""

from pathlib import Path

import pandas as pd

from mdllm.core.text_tables import markdown_row
from mdllm.figures.kinetics.data import EXACT, MD, Kinetics


def write(kinetics: Kinetics, stem: Path) -> None:
    """Write `stem`.csv (numbers) and `stem`.md (text) from the direct and exact rows of `mfpt.csv`."""
    table = kinetics.mfpt[kinetics.mfpt["method"] != "msm"]
    by_source = {source: rows.set_index(["start", "end"]) for source, rows in table.groupby("source", sort=False)}
    columns = ["mfpt_ps", "sd_runs", "standard_error"]
    numbers = pd.DataFrame(kinetics.pairs, columns=["start", "end"])
    for source in kinetics.looks:
        own = by_source[source].reindex(columns=columns).loc[kinetics.pairs]
        numbers[[f"{source}_{name}" for name in columns]] = own.to_numpy(float)
    header = ["pair", *(look.label for look in kinetics.looks.values())]
    text = [kinetics.about, "", markdown_row(header), markdown_row(["---"] + ["---:"] * len(kinetics.looks))]
    notes = []
    for pair in kinetics.pairs:
        cells = [" → ".join(pair)]
        for source in kinetics.looks:
            row = by_source[source].loc[pair]
            own = str(row["note"]).split("; ") if isinstance(row.get("note"), str) else []
            notes += [note for note in own if note not in notes]
            marks = ", ".join(str(notes.index(note) + 1) for note in own)
            cells.append(_cell(row, source) + (f" [{marks}]" if own else ""))
        text.append(markdown_row(cells))
    several = {kinetics.looks[name].label: n for name, n in kinetics.trainings.items() if n > 1}
    runs = ", ".join(f"of {label} {count} trainings" for label, count in several.items())
    runs += "; else " if several else ""
    runs += f"{kinetics.description['runs'][MD]} groups of trajectories"
    text += ["", f"Mean first passage times in {kinetics.time_unit}, ± the standard deviation over runs: {runs}."]
    text += [f"[{number}] {note}." for number, note in enumerate(notes, start=1)]
    numbers.to_csv(stem.with_suffix(".csv"), index=False)
    stem.with_suffix(".md").write_text("\n".join(text) + "\n")


def _cell(row: pd.Series, source: str) -> str:
    value, spread = float(row["mfpt_ps"]), float(row.get("sd_runs", float("nan")))
    if pd.isna(value):
        return "none"
    digits = max(0, 2 - len(str(int(value))) + 1)
    if source == EXACT:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ± " + ("?" if pd.isna(spread) else f"{spread:.{digits}f}")
