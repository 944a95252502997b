# Needs: model/, and the last training frames in tokens/.
# Makes: rollout/codes.npz, generated codes with the log-likelihood and entropy of every frame.


rule rollout:
    input:
        model=made_by("finetune", "model"),
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
        "../scripts/rollout.py"
