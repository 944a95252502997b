"""Which of several models comes nearest to the reference, and which others are further by more than chance.

Models that learn the same MD well all end at about the same distance from it, which is then the error of MD itself; so
that one of them is nearest says little. What tells is how much further another one is, beside the error of that
difference.

Axes: V variants.
"""

import math
from collections.abc import Mapping

from mdllm.core.text_tables import markdown_row
from mdllm.report.comparisons import NAMES, WITHIN

# Rows that are averaged, by the beginnings of their names.
_TOGETHER = {
    "MFPTs together": "MFPT",
    "populations, MFPTs and timescale together": ("population", "MFPT", "slowest"),
    "transitions together": "transitions",
    "staying together": "staying",
    "committors together": "committor",
}


def excess(comparisons: Mapping[str, dict]) -> dict[str, float | None]:
    """By how many of its standard errors each variant's deviation exceeds that of the nearest variant; 0 for this one.

    With values a and n of a variant and the nearest one and the reference r, the excess is E = |a - r| - |n - r|, and
    the variance of E is s_a^2 + s_n^2, to which 4 s_r^2 is added where r lies between a and n; elsewhere the error of
    the reference moves both deviations alike. The errors s are those of a summary: that all variants learned from the
    same MD, and that the nearest was chosen among V, is not in them.

    Args:
        comparisons: one entry of `comparisons` in `summary.json` by variant, all of the same quantity; V of them.

    Returns:
        None where a value, its reference or one of the errors does not exist.
    """
    judged = {name: row for name, row in comparisons.items() if row["distance"] is not None}
    if not judged:
        return dict.fromkeys(comparisons)
    deviations = {name: row["value"] - row["reference"] for name, row in judged.items()}
    nearest = min(deviations, key=lambda name: abs(deviations[name]))
    return {name: _excess(name, nearest, judged, deviations) if name in judged else None for name in comparisons}


def _excess(name: str, nearest: str, judged: Mapping[str, dict], deviations: Mapping[str, float]) -> float:
    further = abs(deviations[name]) - abs(deviations[nearest])
    if not further:
        return 0.0
    own, other = judged[name]["standard_error"], judged[nearest]["standard_error"]
    variance = own**2 + other**2
    if deviations[name] * deviations[nearest] < 0:
        variance += 4 * (judged[name]["combined_standard_error"] ** 2 - own**2)
    return further / math.sqrt(variance) if variance else math.inf


def table(summaries: Mapping[str, dict]) -> str:
    """Markdown: quantities in rows, variants in columns, from the content of each `summary.json` by variant."""
    names = list(summaries)
    found = _quantities({name: summary["kinetics"]["comparisons"]["model"] for name, summary in summaries.items()})
    reference = NAMES[next(iter(summaries.values()))["kinetics"]["reference"]]
    lines = [markdown_row(["quantity", *names]), markdown_row(["---", *["---:"] * len(names)])]
    for quantity, rows in found.items():
        further = excess(rows)
        cells = (_cell(rows[name]["distance"], further[name] if len(names) > 1 else None) for name in names)
        lines.append(markdown_row([quantity, *cells]))
    for title, kinds in _TOGETHER.items():
        rows = [rows for quantity, rows in found.items() if quantity.startswith(kinds)]
        if rows:
            lines.append(markdown_row([title, *(_together([row[name]["distance"] for row in rows]) for name in names)]))
    note = f"Distances from {reference} in combined standard errors; together: their root mean square."
    if len(names) > 1:
        note += (
            " In brackets: by how many of its standard errors the deviation exceeds that of the nearest model; up to "
            f"{WITHIN} that may be chance."
        )
    return "\n".join([*lines, "", note])


def _quantities(found: Mapping[str, dict]) -> dict[str, dict[str, dict]]:
    """Comparisons by quantity and variant."""
    quantities: dict[str, dict[str, dict]] = {}
    for variant, comparisons in found.items():
        rows = {f"population of {row['quantity']}": row for row in comparisons["populations"]}
        rows |= {f"MFPT {row['quantity']}": row for row in comparisons["mfpt_ps"]}
        rows["slowest timescale"] = comparisons["slowest_timescale_ps"]
        rows |= {f"transitions {row['quantity']}": row for row in comparisons.get("transitions_per_ns", [])}
        rows |= {f"staying in {row['quantity']}": row for row in comparisons.get("staying", [])}
        rows |= {f"committor of {row['quantity']}": row for row in comparisons.get("committor", [])}
        for quantity, row in rows.items():
            quantities.setdefault(quantity, {})[variant] = row
    return quantities


def _together(distances: list[float | None]) -> str:
    """Their root mean square; none where one of them does not exist."""
    if None in distances:
        return "none"
    return f"{math.sqrt(sum(distance**2 for distance in distances) / len(distances)):.2f}"


def _cell(distance: float | None, further: float | None) -> str:
    """A distance, and in brackets by how much it is further than the nearest, where there are others."""
    if distance is None:
        return "none"
    beside = {None: "", 0: " (nearest)"}.get(further, f" ({further or 0:.1f})")
    return f"{abs(distance):.2f}{beside}"
