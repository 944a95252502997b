"""What a result was made with, as the small line under a figure."""

from collections.abc import Mapping

_FORMS = {
    "preset": "preset {}",
    "round": "round {}",
    "model": "model {}",
    "model_details": "{}",
    "form": "{}",
    "tokenizer": "tokenizer {}",
    "codebook_size": "K {}",
    "context_frames": "N {}",
    "temperature": "T {:g}",
    "top_k": "top-k {}",
    "top_p": "top-p {:g}",
    "epsilon_cutoff": "cutoff {:g}",
    "replicas": "{} replicas",
    "frames": "{} frames each",
    "seed": "seed {}",
    "training_states": "trained on {}",
    "training_frames": "{} MD frames",
}
_LEFT_OUT = {"form": "codes", "epsilon_cutoff": 0.0, "round": 1}  # said only where they differ from this


def line(conditions: dict) -> str:
    """`conditions` of a summary, or those of them that are known before a run, in words."""
    return " · ".join(_word(key, conditions) for key in _said(conditions))


def common_line(conditions: Mapping[str, dict]) -> str:
    """Those of several variants: what they share, then what differs, variant by variant."""
    first = next(iter(conditions.values()))
    shared = {key for key in _FORMS if all(own.get(key) == first.get(key) for own in conditions.values())}
    words = [_word(key, first) for key in _said(first) if key in shared]
    for name, own in conditions.items():
        differing = ", ".join(_word(key, own) for key in _said(own) if key not in shared)
        words += [f"{name}: {differing}"] if differing else []
    return " · ".join(words)


def _said(conditions: dict) -> list[str]:
    """Keys that are known, and apply: null means that a model does not have them, but for the training states."""
    known = {key for key, value in conditions.items() if value is not None or key == "training_states"}
    return [key for key in _FORMS if key in known and _LEFT_OUT.get(key, object()) != conditions[key]]


def _word(key: str, conditions: dict) -> str:
    value = conditions[key]
    if key == "training_states":
        value = "all frames" if value is None else " and ".join(value) or "ranges of frames"
        if conditions.get("model") == "base":  # which redraws them and learns nothing
            return f"starts from {value}"
    return _FORMS[key].format(value)
