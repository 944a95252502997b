"""What the kinetics demo prints."""

import json

from mdllm.report.kinetics_report import render


def test_passage_times_then_a_sentence_per_model_then_distances(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mfpt_table.md").write_text("| pair | exact |\n")
    for variant, passage in (("lstm", 21.0), ("markov", 26.0)):
        (tmp_path / variant).mkdir()
        row = {"value": passage, "reference": 20.0, "standard_error": 1.5, "combined_standard_error": 1.5}
        row |= {"quantity": "A -> B", "distance": (passage - 20) / 1.5}
        summary = {
            "variant": variant,
            "reference": "exact",
            "comparisons": {
                "model": {
                    "verdict": "2 of 12 MFPTs within 2 combined standard errors of exact",
                    "populations": [],
                    "mfpt_ps": [row],
                    "slowest_timescale_ps": row,
                }
            },
            "training": {"validation_loss": 0.0431, "baseline_persistence": 0.05, "training_seconds": 12.4},
        }
        (tmp_path / variant / "summary.json").write_text(json.dumps(summary))
    lines = render(tmp_path).splitlines()
    assert lines[0] == "| pair | exact |"
    assert lines[2].startswith("lstm: 2 of 12 MFPTs within 2 combined standard errors of exact; 0.0431 nats per code")
    assert lines[3].startswith("markov: ")
    assert "| MFPT A -> B | 0.67 (nearest) | 4.00 (2.4) |" in lines
    assert lines[-1] == f"Figures: {tmp_path / 'figures'}"
