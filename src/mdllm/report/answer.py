"""The answer of a run in one sentence, from its summary, with the nulls in it: what a reader takes home.

The page has it on top, the index beside the name of a variant, and a run ends with it.
"""

import math
from collections.abc import Iterable
from pathlib import Path

from mdllm.core.records import read_json
from mdllm.ensembles.names import MODEL, NULLS
from mdllm.report.novelty import clusters_in_words
from mdllm.verification.verdict import CLUSTER, LOST, RANDOM, RESTART, STAYED, in_words

PAGE = "report.html"


def sentence(summary: dict) -> str:
    """One sentence on the whole run: states, what is new, what MD keeps, kinetics; each with its null."""
    clauses = [*_states(summary), *_new(summary), *_verified(summary), *_kinetics(summary)]
    if not clauses:
        return f"The model was rolled out: {_loss(summary)}."
    rollout = summary["rollout"]
    count = rollout["replicas"] * rollout["frames"]
    return f"In {count:,} generated frames {'; '.join(clauses)}."


def closing_lines(results: Path, variants: Iterable[tuple[str, str]], since: float) -> list[str]:
    """The last words of a run: what was found, and where to read on.

    Of those (system, variant) whose summary was written after `since`, in seconds of the epoch.
    """
    lines = []
    for system, variant in variants:
        path = results / system / variant / "summary.json"
        if path.is_file() and path.stat().st_mtime >= since:
            page = results / system / PAGE
            where = page if page.is_file() else path
            lines.append(f"{system}/{variant}: {sentence(read_json(path))} See {where}")
    return lines


def percent(value: float | None) -> str:
    """A share as percent with two digits after the point, none where it is missing."""
    return "" if value is None or math.isnan(value) else f"{100 * value:.2f} %"


def interval(share: dict) -> str:
    """A share with its interval."""
    between = "" if share["low"] is None else f" ({100 * share['low']:.2f}–{100 * share['high']:.2f})"
    return percent(share["value"]) + between


def _loss(summary: dict) -> str:
    training = summary["training"]
    if training is None:
        return f"a base, {summary['base']['base']}, taken as it is"
    better = "below" if training["beats_baselines"] else "not below"
    return f"its validation loss of {training['validation_loss']:.3f} nats per code is {better} both baselines"


def _states(summary: dict) -> list[str]:
    """How often the model leaves its training states, and is in each of the others, beside the strongest null."""
    found = summary.get("discovery") or {}
    clauses = []
    trained = [name for name, entry in found.items() if entry["training_state"]]
    if trained:
        outside = 1 - sum(found[name][MODEL]["share"]["value"] for name in trained)
        base, many = summary.get("base"), len(trained) > 1
        started = f"state{'s' * many} {' and '.join(trained)}"
        who = f"the base {base['base']}, which starts from {started}," if base else "the model"
        left = ("them" if many else "it") if base else started
        clauses.append(f"{who} leaves {left} in {percent(max(outside, 0))}")
    for name, entry in found.items():
        if not entry["training_state"]:
            clauses.append(_other_state(name, entry))
    return clauses


def _other_state(name: str, entry: dict) -> str:
    share = entry[MODEL]["share_found"]["value"]
    null = max(NULLS, key=lambda source: entry[source]["share_found"]["value"] or 0)
    highest = entry[null]["share_found"]["value"]
    strongest = f"its strongest null, {NULLS[null]}: {percent(highest)}" if highest else "no null finds it"
    if not share:
        return f"it never finds state {name}, which it was not shown ({strongest})"
    named = NULLS[null] in entry["verdict"]
    beside = f" ({percent(highest) if named else strongest})" if highest else ""
    return f"it finds state {name}, which it was not shown, in {percent(share)}: {entry['verdict']}{beside}"


def _new(summary: dict) -> list[str]:
    novelty = summary.get("novelty")
    if not novelty:
        return []
    clusters, more = novelty["clusters"], novelty["clusters_more_often"]
    shares = {source: share["value"] for source, share in novelty["share_new"].items()}
    null = max(NULLS, key=shares.get)
    new = f"{percent(shares[MODEL])} of its frames are new ({NULLS[null]}: {percent(shares[null])})"
    if not clusters:
        return [f"{new}, in no cluster"]
    named = clusters_in_words(clusters, novelty["clusters_found"])
    return [f"{new}, in {named}, {more or 'none'} of them more often than every null"]


def _verified(summary: dict) -> list[str]:
    verified = summary.get("verification")
    if not verified:
        return ["MD has tested none of them"] if (summary.get("novelty") or {}).get("clusters") else []
    clauses = []
    for noun, random in (("proposal", False), ("random frame", True)):
        rows = [row for row in verified["proposals"] if (row["kind"] == RANDOM) == random]
        for words, sources in (("the model", (MODEL,)), ("its nulls", tuple(NULLS))):
            outcomes = [row["outcome"] for row in rows if row["source"] in sources]
            if outcomes:
                clauses.append(_outcomes(outcomes, noun, words))
    clauses += [_more_often(row, verified["states"]) for row in verified["states"] if row["more_often"]]
    return ["; ".join(clauses)] if clauses else []


def _more_often(reached: dict, states: list[dict]) -> str:
    """A state that the model's proposals of one kind reach more often than those of every null."""
    kinds = (reached["kind"], RESTART) if reached["kind"] == CLUSTER else (reached["kind"],)
    same = [row for row in states if row["state"] == reached["state"] and row["kind"] in kinds]
    p = max(row["p_model_more"] for row in same if row["p_model_more"] is not None)
    what = "random frames" if reached["kind"] == RANDOM else "proposals"
    beside = "every null, plain MD and restarts" if RESTART in (row["kind"] for row in same) else "every null"
    return (
        f"the model's {what} reach {in_words(reached['state'])} more often than those of {beside} (p at most {p:.2g})"
    )


def _outcomes(outcomes: list[str], noun: str, whose: str) -> str:
    """What MD makes of the proposals of `whose`: states first, and then those that stay where they are."""
    stayed = outcomes.count(STAYED)
    named = sorted(set(outcomes) - {STAYED, *LOST})
    count = f"{len(outcomes)} {noun}{'s' * (len(outcomes) != 1)} of {whose}"
    if not named:
        return f"MD keeps {stayed or 'none'} of {count}"
    taken = " and ".join(f"{outcomes.count(state)} to {in_words(state)}" for state in named)
    return f"of {count}, MD takes {taken}" + (f" and keeps {stayed} where they are" if stayed else "")


def _kinetics(summary: dict) -> list[str]:
    kinetics = summary.get("kinetics")
    return [f"the model has {kinetics['comparisons']['model']['verdict']}"] if kinetics else []
