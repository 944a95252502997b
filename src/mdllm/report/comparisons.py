"""How far each quantity of kinetics lies from its reference, in combined standard errors."""

import math

import numpy as np
import pandas as pd

from mdllm.ensembles.names import EXACT, MD

# A distance of this many combined standard errors counts as agreement.
WITHIN = 2
TABLES = ("populations", "mfpt", "timescales", "transitions", "committor", "chapman_kolmogorov")
NAMES = {MD: "MD", EXACT: "exact"}


def comparisons(source: str, description: dict, tables: dict[str, pd.DataFrame]) -> dict:
    """`Comparisons` of a source with the reference, from `kinetics/description.json` and the tables of `kinetics/`."""
    reference = description["reference"]
    populations, mfpt, timescales, transitions, committor, chapman_kolmogorov = (tables[name] for name in TABLES)
    populations = populations[populations["level"] == "state"].assign(quantity=lambda t: t["name"])
    mfpt = mfpt[mfpt["method"] != "msm"].assign(quantity=lambda t: t["start"] + " -> " + t["end"])
    at_lag = np.isclose(timescales["lag_ps"], description["lag_ps"]) & (timescales["process"] == 1)
    slowest = timescales[at_lag].assign(quantity="process 1")
    found = {
        "populations": _compare(populations, "population", source, reference),
        "slowest_timescale_ps": _compare(slowest, "timescale_ps", source, reference)[0],
        "mfpt_ps": _compare(mfpt, "mfpt_ps", source, reference),
        "transitions_per_ns": [],
        "staying": [],
        "committor": [],
    }
    if reference == MD:  # of a model potential these are not solved exactly
        lasting = transitions[transitions["commit_ps"] == transitions["commit_ps"].max()]
        lasting = lasting.assign(quantity=lambda t: t["start"] + " -> " + t["end"])
        staying = chapman_kolmogorov[chapman_kolmogorov["start"] == chapman_kolmogorov["end"]]
        staying = staying[np.isclose(staying["lag_ps"], staying["lag_ps"].max())].assign(quantity=lambda t: t["start"])
        between = committor[
            (committor["method"] != "msm") & ~committor["state"].isin(committor.loc[0, ["start", "end"]])
        ]
        named = next(iter(description["variables"])) if len(description["variables"]) == 1 else "code"
        between = between.assign(quantity=[f"{named} {value:g}" for value in between[named]])
        found["transitions_per_ns"] = _compare(lasting, "per_ns", source, reference)
        found["staying"] = _compare(staying, "estimated", source, reference)
        found["committor"] = _compare(between, "committor", source, reference)
    return {**found, "verdict": _verdict(found, NAMES[reference])}


def _compare(table: pd.DataFrame, column: str, source: str, reference: str) -> list[dict]:
    """One comparison per quantity of `table`; an exact value has no error."""
    own, other = (table[table["source"] == name].set_index("quantity") for name in (source, reference))
    error = 0.0 if reference == EXACT else other["standard_error"].astype(float)
    value, expected = own[column].astype(float), other[column].astype(float).reindex(own.index)
    own_error = own["standard_error"].astype(float)
    combined = np.sqrt(own_error**2 + error**2)
    rows = pd.DataFrame(
        {
            "value": value,
            "reference": expected,
            "standard_error": own_error,
            "combined_standard_error": combined,
            "distance": (value - expected) / combined.where(combined > 0),
            "relative_deviation": value / expected - 1,
        }
    )
    return [
        {"quantity": quantity, **{key: _number(number) for key, number in row.items()}}
        for quantity, row in rows.to_dict("index").items()
    ]


def _verdict(found: dict, reference: str) -> str:
    parts = []
    for key, name in (("populations", "populations"), ("mfpt_ps", "MFPTs")):
        judged = [row["distance"] for row in found[key] if row["distance"] is not None]
        near = sum(abs(distance) <= WITHIN for distance in judged)
        missing = len(found[key]) - len(judged)
        parts.append(f"{near} of {len(judged)} {name}" + (f" ({missing} more not judged)" if missing else ""))
    deviation = found["slowest_timescale_ps"]["relative_deviation"]
    slowest = "slowest timescale not judged"
    if deviation is not None:
        slowest = f"slowest timescale {abs(deviation):.0%} {'below' if deviation < 0 else 'above'}"
    return f"{' and '.join(parts)} within {WITHIN} combined standard errors of {reference}, {slowest}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
