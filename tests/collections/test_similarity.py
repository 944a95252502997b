"""Identities, clusters, splits, and what is left out."""

import random
import shutil

import numpy as np
import pandas as pd
import pytest

from mdllm.collections.similarity import Pair, method, similar_pairs
from mdllm.collections.splits import cluster, split

T4L = (
    "MNIFEMLRIDEGLRLKIYKDTEGYYTIGIGHLLTKSPSLNAAKSELDKAIGRNTNGVITKDEAEKLFNQDVDAAVRGILRNAKLKPVYDSLDAVRRAAAINMVFQMGETGVAGFTNSLRML"
    "QQKRWDEAAVNLAKSRWYNQTPNRAKRVITTFRTGTWDAYKNL"
)
TRP_CAGE = "NLYIQWLKDGGPSSGRPPPS"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def mutated(sequence: str, share: float, seed: int) -> str:
    """A sequence of which a share of the residues, drawn at random, are others."""
    draw = random.Random(seed)
    places = set(draw.sample(range(len(sequence)), round(share * len(sequence))))
    return "".join(draw.choice(LETTERS.replace(c, "")) if i in places else c for i, c in enumerate(sequence))


def unrelated(length: int, seed: int) -> str:
    draw = random.Random(seed)
    return "".join(draw.choice(LETTERS) for _ in range(length))


@pytest.fixture(params=["biopython", "mmseqs2"])
def compared_by(request, monkeypatch) -> str:
    if request.param == "mmseqs2":
        if shutil.which("mmseqs") is None:
            pytest.skip("mmseqs2 is not installed here")
    else:
        monkeypatch.setattr("mdllm.collections.similarity.shutil.which", lambda name: None)
    assert method() == request.param
    return request.param


def test_identity_is_of_the_shorter_sequence(compared_by, tmp_path):
    ours = {"t4l": T4L, "tail": unrelated(60, 1) + T4L[:80] + unrelated(60, 2), "half": mutated(T4L, 0.5, 0)}
    found = {pair[:2]: pair.identity for pair in similar_pairs(ours, None, 0.3, tmp_path)}
    assert found["t4l", "half"] == pytest.approx(0.5, abs=0.03)
    assert found["t4l", "tail"] == pytest.approx(80 / 164, abs=0.03)  # of 164 residues, though 80 of 80 align
    assert set(found) <= {("t4l", "half"), ("t4l", "tail"), ("tail", "half")}


@pytest.mark.slow
def test_only_pairs_at_or_above_the_limit(compared_by, tmp_path):
    others = {"mutant": mutated(T4L, 0.4, 0)}
    (pair,) = similar_pairs({"t4l": T4L}, others, 0.5, tmp_path)
    assert similar_pairs({"t4l": T4L}, others, pair.identity, tmp_path) == [pair]
    assert similar_pairs({"t4l": T4L}, others, pair.identity + 0.001, tmp_path) == []


def test_names_may_hold_anything(compared_by, tmp_path):
    (pair,) = similar_pairs({"a b|c": T4L}, {"system x, chain 1": T4L}, 0.3, tmp_path)
    assert pair == Pair("a b|c", "system x, chain 1", 1.0)


def test_short_sequences_are_alike_by_more_than_chance(tmp_path, monkeypatch):
    monkeypatch.setattr("mdllm.collections.similarity.shutil.which", lambda name: None)
    ours = {str(seed): unrelated(250, seed) for seed in range(300)}
    assert similar_pairs(ours, {"trp_cage": TRP_CAGE}, 0.3, tmp_path) == []
    ours = {"fused": unrelated(100, 0) + TRP_CAGE + unrelated(100, 1), "mutant": mutated(TRP_CAGE, 0.2, 3)}
    found = {pair.first: pair.identity for pair in similar_pairs(ours, {"trp_cage": TRP_CAGE}, 0.3, tmp_path)}
    assert found["fused"] == 1.0
    assert 0.6 <= found["mutant"] <= 0.8


def test_a_chain_of_pairs_is_one_cluster():
    pairs = [Pair("d", "b", 0.5), Pair("b", "e", 0.4)]
    assert list(cluster(list("abcde"), pairs)) == [0, 1, 2, 1, 1]
    assert list(cluster(["a", "b"], [])) == [0, 1]


def test_whole_clusters_are_drawn_for_validation():
    clusters = np.array([0, 0, 0, 1, 2, 2, 3, 4, 5, 5, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13])
    left_out = np.arange(20) == 7
    found = split(clusters, left_out, 0.3, seed=1)
    assert list(np.flatnonzero(found == "left_out")) == [7]
    assert sum(found == "validation") == 6
    for number in clusters:
        assert len(set(found[(clusters == number) & ~left_out])) <= 1
    assert list(split(clusters, left_out, 0.3, seed=1)) == list(found)
    assert list(split(clusters, left_out, 0.3, seed=2)) != list(found)
    assert set(split(clusters, left_out, 0.0, seed=1)) == {"train", "left_out"}


def test_what_is_alike_to_systems_and_evaluation_sets_is_left_out(collector, t4l, trp_cage, tmp_path, caplog):
    collector.put("t4l.pdb", t4l)
    collector.put("trp.pdb", trp_cage)
    known = pd.DataFrame({"protein": ["lysozyme", "other"], "sequence": [mutated(T4L, 0.5, 0), unrelated(90, 5)]})
    known.to_parquet(tmp_path / "known.parquet")
    systems = {"mine": [mutated(T4L, 0.3, 1), unrelated(80, 9)], "secret": None}
    evaluations = {"held": tmp_path / "known.parquet"}
    found = collector.run(systems=systems, evaluations=evaluations)
    assert found.names("left_out") == ["t4l"]
    assert found.names("train") == ["trp"]
    assert [segment.protein for segment in found.segments_of("train")] == ["trp"]
    table = pd.read_csv(found.folder / "left_out.csv")
    assert table["protein"].to_list() == ["t4l"]
    assert table["nearest"].to_list() == ["system mine, chain 1"]  # 70 %, and lysozyme of `held` 50 %
    assert table["identity"][0] == pytest.approx(0.7, abs=0.03)
    assert "have no `sequence` in config/systems, so that nothing alike is left out: secret" in caplog.text
    only = collector.run(evaluations=evaluations)
    assert pd.read_csv(only.folder / "left_out.csv")["nearest"].to_list() == ["held: lysozyme"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mmseqs") is None, reason="mmseqs2 is not installed")
def test_many_sequences_are_compared_faster_and_what_is_clearly_alike_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("mdllm.collections.similarity._THOROUGH", 3)
    first = unrelated(150, 0)
    ours = {"a": first, "b": mutated(first, 0.5, 1), "c": unrelated(150, 2)}
    (pair,) = similar_pairs(ours, None, 0.3, tmp_path)
    assert (pair.first, pair.second) == ("a", "b")
    assert pair.identity == pytest.approx(0.5, abs=0.06)
