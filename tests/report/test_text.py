"""What a run prints at its end."""

import pytest

from mdllm.core.errors import InputError
from mdllm.core.records import write_json
from mdllm.report.text import render

TRAINING = {
    "validation_loss": 2.5, "baseline_frequencies": 2.75, "baseline_persistence": 2.625, "training_seconds": 12.4,
}  # fmt: skip


def share(value, low, high, region=0.0):
    return {"share_found": {"value": value, "low": low, "high": high}, "share": {"value": region}}


def summary(**sections) -> dict:
    about = {"confidence": 0.95, "training": TRAINING, "conditions": {"training_states": None}}
    return {**about, "discovery": None, "kinetics": None, **sections}


def write(folder, variant: str, content: dict) -> None:
    (folder / variant / "figures").mkdir(parents=True)
    write_json(folder / variant / "summary.json", content)


def test_every_variant_has_its_losses_and_states(tmp_path):
    entry = {
        "training_state": False,
        "verdict": "no better than its null",
        "model": share(0.0125, 0.0113, 0.0218, region=0.3),
        "roundtrip": share(0.0, None, None),
        "frequencies": share(0.5, 0.4, 0.6),
        "residue_types": share(0.0625, 0.06, 0.07),
        "synonyms": share(0.125, 0.11, 0.13),
    }
    discovery = {"A": {**entry, "training_state": True}, "B": entry}
    for variant in ("main", "hot"):
        write(tmp_path, variant, summary(discovery=discovery, conditions={"training_states": ["A"]}))
    lines = render(tmp_path).splitlines()
    losses = next(line for line in lines if line.startswith("hot"))
    assert losses.split() == ["hot", "A", "2.500", "2.750", "2.625", "12"]
    assert sum("no better than its null" in line for line in lines) == 4
    (found,) = [line for line in lines if line.startswith("main     B  ")]
    shown = ["30.00", "%", "1.25", "%", "(1.13–2.18)", "0.00", "%", "50.00", "%", "6.25", "%", "12.50"]
    assert found.split()[2:14] == shown
    assert "95 % interval" in "\n".join(lines)
    assert lines[-1] == f"Figures: {tmp_path / 'main' / 'figures'}, {tmp_path / 'hot' / 'figures'}"


def test_a_base_is_named_with_its_losses_and_nothing_is_said_of_training(tmp_path):
    base = {"base": "small", "training_proteins": 7, "validation_loss": 3.5, "baseline_residue_types": 5.25}
    write(tmp_path, "main", summary(training=None, base={**base, "baseline_pairs_of_types": 5.125}))
    text = render(tmp_path)
    assert "Validation loss and its baselines" not in text
    assert (
        "main: base small of 7 other proteins, validation loss 3.500 nats per hidden code (residue types 5.250" in text
    )


def test_passage_times_then_a_sentence_per_model_then_distances(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mfpt_table.md").write_text("| pair | exact |\n")
    for variant, passage in (("lstm", 21.0), ("markov", 26.0)):
        row = {"value": passage, "reference": 20.0, "standard_error": 1.5, "combined_standard_error": 1.5}
        row |= {"quantity": "A -> B", "distance": (passage - 20) / 1.5}
        verdict = "2 of 12 MFPTs within 2 combined standard errors of exact"
        comparisons = {"verdict": verdict, "populations": [], "mfpt_ps": [row], "slowest_timescale_ps": row}
        write(tmp_path, variant, summary(kinetics={"reference": "exact", "comparisons": {"model": comparisons}}))
    text = render(tmp_path)
    lines = text.splitlines()
    assert "| pair | exact |" in lines
    assert "lstm: 2 of 12 MFPTs within 2 combined standard errors of exact" in lines
    assert "| MFPT A -> B | 0.67 (nearest) | 4.00 (2.4) |" in lines
    assert text.index("lstm: 2 of 12") < text.index("markov: 2 of 12") < text.index("| MFPT A -> B |")
    assert "Share of frames" not in text


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no \*/summary\.json; run the workflow first"):
        render(tmp_path)


def test_motion_is_a_table_beside_all_of_md(tmp_path):
    numbers = {"model": {"value": 0.6254}, "md_halves": {"value": 0.99}, "gnm": {"value": -0.3}}
    entry = {"quantity": "secondary_structure", "headline": True, "reference": "md", "by_source": numbers}
    others = [{**entry, "reference": "md_training"}, {**entry, "headline": False}]
    write(tmp_path, "main", summary(dynamics={"agreement": [entry, *others], "verdict": "moves"}))
    lines = render(tmp_path).splitlines()
    (row,) = [line for line in lines if "secondary structure" in line and line.startswith("main")]
    assert row.split()[3:] == ["0.625", "0.990", "-0.300"]
    assert "main: moves" in lines
