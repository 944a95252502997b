"""The answer of a run in a sentence, and its last words."""

from mdllm.core.records import write_json
from mdllm.report.answer import closing_lines, sentence


def state(model, roundtrip, frequencies, trained=False, verdict="no better than its null"):
    shares = {"model": model, "roundtrip": roundtrip, "frequencies": frequencies, "residue_types": 0.0, "synonyms": 0.0}
    entries = {source: {"share": {"value": share}, "share_found": {"value": share}} for source, share in shares.items()}
    return {"training_state": trained, "beats_nulls": False, "verdict": verdict, **entries}


def summary(**sections) -> dict:
    training = {"validation_loss": 2.5, "beats_baselines": True}
    rollout = {"replicas": 16, "frames": 200}
    empty = dict.fromkeys(("discovery", "novelty", "verification", "kinetics"))
    return {"training": training, "base": None, "rollout": rollout, **empty, **sections}


def novelty(clusters: int, more: int, found: int | None = None) -> dict:
    shares = {"model": 0.02, "roundtrip": 0.0, "frequencies": 0.001, "residue_types": 0.3, "synonyms": 0.1}
    shares["held_out"] = 0.9
    share_new = {source: {"value": share} for source, share in shares.items()}
    counts = {"clusters_found": clusters if found is None else found, "clusters": clusters}
    return {**counts, "clusters_more_often": more, "share_new": share_new}


def proposal(source: str, outcome: str, kind: str = "cluster") -> dict:
    return {"source": source, "outcome": outcome, "kind": kind}


def test_the_answer_names_the_strongest_null_and_says_what_nobody_tested():
    found = {"A": state(0.9, 0.99, 0.98, trained=True), "B": state(0.0125, 0.001, 0.03)}
    words = sentence(summary(discovery=found, novelty=novelty(31, 0)))
    assert words.startswith("In 3,200 generated frames the model leaves state A in 10.00 %; ")
    assert "finds state B, which it was not shown, in 1.25 %: no better than its null" in words
    assert "(its strongest null, code frequencies: 3.00 %)" in words
    assert "2.00 % of its frames are new (residue types: 30.00 %), in 31 clusters, none of them more often " in words
    assert words.endswith("than every null; MD has tested none of them.")


def test_the_answer_says_what_was_not_looked_at_and_counts_states():
    found = {name: state(0.25, 0.9, 0.9, trained=True) for name in ("A", "B", "C")}
    words = sentence(summary(discovery=found, novelty=novelty(500, 0, found=1600)))
    assert words.startswith("In 3,200 generated frames the model leaves states A and B and C in 25.00 %; ")
    assert "in 1,600 clusters (the 500 largest are looked at), none of them more often than every null" in words


def test_the_answer_counts_what_md_keeps_of_the_model_and_of_its_null():
    rows = [proposal("model", outcome) for outcome in ("stayed", "returned", "B", "fell apart", "undecided")]
    rows += [proposal("frequencies", "elsewhere"), proposal("training", "returned")]
    words = sentence(summary(novelty=novelty(1, 1), verification={"proposals": rows, "states": []}))
    assert "in 1 cluster, 1 of them more often than every null" in words
    assert "of 5 proposals of the model, MD takes 1 to state B and keeps 1 where they are; " in words
    assert "; MD keeps none of 1 proposal of its nulls" in words


def test_the_answer_counts_random_frames_by_themselves_and_names_new_states():
    rows = [proposal("model", outcome) for outcome in ("new state 1", "B")]
    rows += [proposal("model", outcome, "random") for outcome in ("new state 1", "new state 1", "returned")]
    rows += [proposal("residue_types", "returned", "random")]
    words = sentence(summary(novelty=novelty(1, 1), verification={"proposals": rows, "states": []}))
    assert "; of 2 proposals of the model, MD takes 1 to state B and 1 to new state 1; " in words
    assert "; of 3 random frames of the model, MD takes 2 to new state 1; " in words
    assert "; MD keeps none of 1 random frame of its nulls" in words


def test_the_answer_says_which_state_stands_above_every_null():
    def reached(state, source, p, more):
        return {"state": state, "kind": "cluster", "source": source, "p_model_more": p, "more_often": more}

    states = [
        reached("new state 1", "model", None, True),
        reached("new state 1", "frequencies", 0.0163, None),
        reached("new state 1", "residue_types", 0.0002, None),
        reached("new state 2", "model", None, False),
        reached("new state 2", "residue_types", 0.5, None),
    ]
    rows = [proposal("model", outcome) for outcome in ("new state 1", "new state 1", "new state 2")]
    words = sentence(summary(novelty=novelty(1, 1), verification={"proposals": rows, "states": states}))
    assert "; the model's proposals reach new state 1 more often than those of every null (p at most 0.016)" in words
    assert words.count("more often than those of every null") == 1


def test_the_answer_of_kinetics_and_of_nothing():
    verdict = "3 of 4 populations within 2 combined standard errors of exact"
    kinetic = summary(kinetics={"comparisons": {"model": {"verdict": verdict}}})
    assert sentence(kinetic) == f"In 3,200 generated frames the model has {verdict}."
    assert "2.500 nats per code is below both baselines" in sentence(summary())


def test_a_base_starts_from_a_state_and_a_null_that_finds_nothing_is_named_once():
    never = "too seldom to stand above its nulls, which never reach it"
    found = {"A": state(0.6, 0.99, 0.98, trained=True), "B": state(0.001, 0.0, 0.0, verdict=never)}
    words = sentence(summary(training=None, base={"base": "small"}, discovery=found))
    assert words == (
        "In 3,200 generated frames the base small, which starts from state A, leaves it in 40.00 %; "
        f"it finds state B, which it was not shown, in 0.10 %: {never}."
    )


def test_a_null_that_the_verdict_names_is_not_named_again():
    verdict = "no more often than the strongest null, code frequencies"
    found = {"A": state(0.9, 0.99, 0.98, trained=True), "B": state(0.001, 0.0, 0.002, verdict=verdict)}
    assert f"which it was not shown, in 0.10 %: {verdict} (0.20 %)" in sentence(summary(discovery=found))


def test_one_line_for_each_variant_that_has_just_been_made(tmp_path):
    (tmp_path / "a" / "main").mkdir(parents=True)
    (tmp_path / "a" / "hot").mkdir()
    main, hot = summary(), summary(novelty=novelty(0, 0))
    write_json(tmp_path / "a" / "main" / "summary.json", main)
    write_json(tmp_path / "a" / "hot" / "summary.json", hot)
    made = (tmp_path / "a" / "hot" / "summary.json").stat().st_mtime
    runs = [("a", "main"), ("a", "hot"), ("b", "main")]
    assert closing_lines(tmp_path, runs, since=0) == [
        f"a/main: {sentence(main)} See {tmp_path}/a/main/summary.json",
        f"a/hot: {sentence(hot)} See {tmp_path}/a/hot/summary.json",
    ]
    assert closing_lines(tmp_path, runs, since=made + 1) == []


def test_the_page_is_named_where_there_is_one(tmp_path):
    (tmp_path / "a" / "main").mkdir(parents=True)
    write_json(tmp_path / "a" / "main" / "summary.json", summary())
    (tmp_path / "a" / "report.html").write_text("<html>")
    assert closing_lines(tmp_path, [("a", "main")], since=0)[0].endswith(f" See {tmp_path}/a/report.html")
