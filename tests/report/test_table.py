"""The table that a run ends with."""

import pytest

from mdllm.core.errors import InputError
from mdllm.core.records import write_json
from mdllm.report.table import render


def share(value, low, high):
    return {"share": {"value": value, "low": low, "high": high}}


def test_every_variant_has_its_losses_and_states(tmp_path):
    entry = {
        "training_state": False,
        "verdict": "no better than its null",
        "model": share(0.01254, 0.01037, 0.02349),
        "roundtrip": share(0.0, None, None),
        "frequencies": share(0.5, 0.4, 0.6),
    }
    summary = {
        "confidence": 0.95,
        "training_state": "A",
        "training": {"validation_loss": 2.5, "baseline_frequencies": 2.75, "baseline_persistence": 2.625},
        "discovery": {"A": {**entry, "training_state": True}, "B": entry},
    }
    for variant in ("main", "hot"):
        (tmp_path / variant).mkdir()
        write_json(tmp_path / variant / "summary.json", summary)
    lines = render(tmp_path).splitlines()
    losses = next(line for line in lines if line.startswith("hot"))
    assert losses.split() == ["hot", "A", "2.500", "2.750", "2.625"]
    assert sum("no better than its null" in line for line in lines) == 4
    assert any("main     B      1.25 % (1.04-2.35)  0.00 %" in line for line in lines)
    assert "95 % interval" in "\n".join(lines)


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no \*/summary\.json; run the workflow first"):
        render(tmp_path)
