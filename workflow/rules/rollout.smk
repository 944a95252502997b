# Needs: model/, and the last training frames in tokens/.
# Makes: rollout/codes.npz, generated codes with the log-likelihood and entropy of every frame.


# `set-scatter: rollout=4` in a profile spreads the batches of a rollout over 4 jobs; the result is the same.
scattergather:
    rollout=1,


ROLLOUT_PARTS = gather.rollout(
    "results/{{system}}/{{variant}}/rollout/part_{scatteritem}.json"
)


if len(ROLLOUT_PARTS) == 1:

    rule rollout:
        input:
            model=made_by("train", "model"),
            codes=made_by("tokenize", "tokens/codes.npz"),
        output:
            codes="results/{system}/{variant}/rollout/codes.npz",
            provenance="results/{system}/{variant}/rollout/provenance.json",
        log:
            "logs/{system}/{variant}/rollout.log",
        benchmark:
            "results/benchmarks/{system}/{variant}/rollout.tsv"
        conda:
            "../../envs/llm.yaml"
        params:
            settings=read_by("rollout"),
        script:
            "../scripts/rollout.py"

else:

    rule rollout_part:
        input:
            model=made_by("train", "model"),
            codes=made_by("tokenize", "tokens/codes.npz"),
        output:
            part=temp("results/{system}/{variant}/rollout/part_{scatteritem}.json"),
        log:
            "logs/{system}/{variant}/rollout_{scatteritem}.log",
        benchmark:
            "results/benchmarks/{system}/{variant}/rollout_{scatteritem}.tsv"
        conda:
            "../../envs/llm.yaml"
        params:
            settings=read_by("rollout"),
        script:
            "../scripts/rollout_part.py"

    rule rollout_merge:
        input:
            parts=ROLLOUT_PARTS,
            model=made_by("train", "model"),
            codes=made_by("tokenize", "tokens/codes.npz"),
        output:
            codes="results/{system}/{variant}/rollout/codes.npz",
            provenance="results/{system}/{variant}/rollout/provenance.json",
        log:
            "logs/{system}/{variant}/rollout.log",
        conda:
            "../../envs/llm.yaml"
        params:
            settings=read_by("rollout"),
        script:
            "../scripts/rollout_merge.py"
