"""The base that comes with mdllm."""

import MDAnalysis as mda
import numpy as np

from mdllm.bases.base import SHIPPED, WEIGHTS, find_base, load_base
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import BaseSettings, ProposalSettings
from mdllm.config.reading import read_yaml
from mdllm.core.trajectories import ANGSTROM_PER_NM
from mdllm.tokenizers.chain.codebook import shipped_steps
from project import ROOT


def test_it_is_small_and_speaks_the_language_of_the_tokenizer():
    base = load_base(find_base("medium"))
    assert (SHIPPED / "medium" / WEIGHTS).stat().st_size < 6e6
    np.testing.assert_array_equal(base.steps.vectors(), shipped_steps(512).vectors())


def test_it_was_made_by_the_file_of_this_repository_and_beats_both_baselines():
    record = load_base(find_base("medium")).record
    content = read_yaml(ROOT / "config" / "bases" / "medium.yaml")
    assert BaseSettings.model_validate(record["settings"]) == BaseSettings.model_validate(content)
    assert record["validation_loss"] < min(record["baseline_residue_types"], record["baseline_pairs_of_types"])


def test_it_makes_proposals_of_a_protein_that_it_has_never_seen(structures):
    atoms = mda.Universe(str(structures / "1s2h.pdb")).select_atoms("name N CA C")
    backbone = atoms.positions.reshape(1, -1, 3, 3).astype(float) / ANGSTROM_PER_NM
    letters = "A" * backbone.shape[1]
    made = Proposer(load_base(find_base("medium")), backbone, letters, ProposalSettings(drawings=4)).group(0, 0)
    assert made.backbone.shape == (8, *backbone.shape[1:])
    assert made.changed.any()
