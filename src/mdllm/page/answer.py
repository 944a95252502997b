"""The answer of a run in one sentence, from its summary, with the nulls in it: what a reader takes home."""

from mdllm.ensembles.sources import NULLS
from mdllm.page.blocks import percent

# Outcomes of verification that do not keep what the model proposed.
_LOST = ("returned", "elsewhere", "fell apart", "undecided")


def sentence(summary: dict) -> str:
    """One sentence on the whole run: states, what is new, what MD keeps, kinetics; each with its null."""
    clauses = [*_states(summary), *_new(summary), *_verified(summary), *_kinetics(summary)]
    if not clauses:
        return f"The model was rolled out: {_loss(summary)}."
    rollout = summary["rollout"]
    count = rollout["replicas"] * rollout["frames"]
    return f"In {count:,} generated frames {'; '.join(clauses)}."


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
        outside = 1 - sum(found[name]["model"]["share"]["value"] for name in trained)
        clauses.append(f"the model leaves state {' and '.join(trained)} in {percent(max(outside, 0))}")
    for name, entry in found.items():
        if not entry["training_state"]:
            clauses.append(_other_state(name, entry))
    return clauses


def _other_state(name: str, entry: dict) -> str:
    share = entry["model"]["share_found"]["value"]
    null = max(NULLS, key=lambda source: entry[source]["share_found"]["value"] or 0)
    highest = entry[null]["share_found"]["value"]
    strongest = f"its strongest null, {NULLS[null]}: {percent(highest)}" if highest else "no null finds it"
    if not share:
        return f"it never finds state {name}, which it was not shown ({strongest})"
    return f"it finds state {name}, which it was not shown, in {percent(share)}: {entry['verdict']} ({strongest})"


def _new(summary: dict) -> list[str]:
    novelty = summary.get("novelty")
    if not novelty:
        return []
    clusters, more = novelty["clusters"], novelty["clusters_more_often"]
    share = percent(novelty["share_new"]["model"]["value"])
    if not clusters:
        return [f"{share} of its frames are new, in no cluster"]
    named = f"{clusters} cluster{'s' * (clusters != 1)}"
    return [f"{share} of its frames are new, in {named}, {more or 'none'} of them more often than every null"]


def _verified(summary: dict) -> list[str]:
    verified = summary.get("verification")
    if not verified:
        return ["MD has tested none of them"] if (summary.get("novelty") or {}).get("clusters") else []
    clauses = []
    for words, sources in (("the model", ("model",)), ("its nulls", tuple(NULLS))):
        own = [row for row in verified["proposals"] if row["source"] in sources]
        if own:
            kept = sum(row["outcome"] not in _LOST for row in own)
            clauses.append(f"MD keeps {kept or 'none'} of {len(own)} proposals of {words}")
    return [" and ".join(clauses)] if clauses else []


def _kinetics(summary: dict) -> list[str]:
    kinetics = summary.get("kinetics")
    return [f"the model has {kinetics['comparisons']['model']['verdict']}"] if kinetics else []
