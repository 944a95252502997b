"""What the kinetics demo prints."""

import json

from mdllm.analysis.kinetics_report import render


def test_the_table_comes_first_then_a_sentence_per_model(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mfpt_table.md").write_text("| pair | exact |\n")
    for variant in ("lstm", "markov"):
        (tmp_path / variant).mkdir()
        summary = {
            "variant": variant,
            "comparisons": {"model": {"verdict": "2 of 12 MFPTs within 2 combined standard errors of exact"}},
            "training": {"validation_loss": 0.0431, "baseline_persistence": 0.05, "training_seconds": 12.4},
        }
        (tmp_path / variant / "summary.json").write_text(json.dumps(summary))
    lines = render(tmp_path).splitlines()
    assert lines[0] == "| pair | exact |"
    assert lines[2].startswith("lstm: 2 of 12 MFPTs within 2 combined standard errors of exact; 0.0431 nats per code")
    assert lines[3].startswith("markov: ")
