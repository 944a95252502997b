"""What is compared, by name: MD, the model, and the nulls; read without MDAnalysis, since every dry run reads it.

- `roundtrip` (null i) is encode->decode of the training frames: what the tokenizer alone does.
- `frequencies` (null ii) are codes drawn residue by residue from the training frequencies and decoded alike: what
  chance does.
- `residue_types` (null iii) are training frames in which spans of residues were drawn one by one from the statistics of
  their type in other proteins: what everybody knows.
- `synonyms` (null iv) are training frames whose codes were exchanged for synonyms, residue by residue, and decoded
  alike: what the error of the codes does, where it adds up.

A null that is added here is made by `mdllm.ensembles.decode`, and has a look in `mdllm.figures.looks` and a section in
`mdllm.report.schema.ensembles`; rules, tables, figures and pages follow.
"""

MD, MODEL = "md", "model"
ROUNDTRIP, FREQUENCIES, RESIDUE_TYPES, SYNONYMS = "roundtrip", "frequencies", "residue_types", "synonyms"
FILES = {
    MODEL: "ensemble.xtc",
    ROUNDTRIP: "roundtrip.xtc",
    FREQUENCIES: "frequencies.xtc",
    RESIDUE_TYPES: "residue_types.xtc",
    SYNONYMS: "synonyms.xtc",
}
GENERATED = (MODEL, FREQUENCIES, RESIDUE_TYPES, SYNONYMS)
NULLS = {
    ROUNDTRIP: "encode→decode",
    FREQUENCIES: "code frequencies",
    RESIDUE_TYPES: "residue types",
    SYNONYMS: "synonymous codes",
}
EXACT = "exact"  # what the equation of motion says, where it can be solved
TRAINING, HALVES = "md_training", "md_halves"  # parts of MD, as what MD is worth beside itself
# Of the model's frames, in nats; the second and third under the parts of a product (`mdllm.bases.tune`).
LIKELIHOODS = ["log_likelihood", "log_likelihood_base", "log_likelihood_tuned"]
