"""Codebooks of the tokenizer `chain`, made of a collection."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from mdllm.core.errors import InputError
from mdllm.core.records import sha256
from mdllm.tokenizers.chain.codebook import Codebook, make_codebooks, steps_of
from mdllm.tokenizers.chain.settings import SIZES


def test_codes_are_steps_of_the_training_proteins_and_the_record_says_which(collector, structures, tmp_path):
    lines = (structures / "2lcb.pdb").read_text().splitlines(keepends=True)
    with_a_gap = [line for line in lines if not (line.startswith("ATOM") and 50 <= int(line[22:26]) < 60)]
    collector.structures.joinpath("excited.pdb").write_text("".join(with_a_gap))
    collector.structures.joinpath("cage.pdb").write_text((structures / "1l2y.pdb").read_text())
    collection = collector.run(systems={"trp_cage": ["NLYIQWLKDGGPSSGRPPPS"]})
    assert collection.names("train") == ["excited"]
    (segment,) = collection.segments_of("train")
    output = tmp_path / "steps.safetensors"
    assert not segment.bonded.all()
    count = make_codebooks(collection, output, seed=1)
    assert count == len(segment.backbone) * int(segment.bonded.sum())
    books = load_file(output)
    assert {int(name): len(vectors) for name, vectors in books.items()} == {size: size for size in SIZES}
    steps = steps_of(np.asarray(segment.backbone)[:, :, :3])
    found = Codebook.of_vectors(books["64"])
    assert np.abs(found.origin[:, None] - steps.origin[None]).max(-1).min(1).max() < 1e-6
    record = json.loads(output.with_suffix(".json").read_text())
    assert (record["proteins"], record["steps"], record["seed"]) == (1, count, 1)
    assert record["sha256"]["proteins.parquet"] == sha256(collection.folder / "proteins.parquet")


def test_too_few_steps_are_refused(collector, structures, tmp_path):
    collector.structures.joinpath("native.pdb").write_text(
        "".join(
            line
            for line in (structures / "3dmv.pdb").read_text().splitlines(keepends=True)
            if line.startswith("ATOM") and line[16] in " A"
        )
    )
    with pytest.raises(InputError, match="has 163 steps in its training split, too few for 1024 codes"):
        make_codebooks(collector.run(), tmp_path / "steps.safetensors")
    assert not (tmp_path / "steps.safetensors").exists()
