# Needs: tokens/, and what has to be well before anything is trained: a fidelity within its limits where structures will
# be decoded, kinetics of MD that can be estimated where those of the model will be.
# Makes: model/ (weights, vocabulary, losses beside their baselines) and training_log.csv.


rule train:
    input:
        codes=made_by("tokenize", "tokens/codes.npz"),
        before=before("train", "model"),
        fidelity=ancient(where_it_runs("fidelity", "tokens/fidelity.json")),
        md_kinetics=ancient(where_it_runs("md_kinetics", "md_kinetics/provenance.json")),
    output:
        model=directory("results/{system}/{variant}/model"),
        training_log="results/{system}/{variant}/training_log.csv",
    log:
        "logs/{system}/{variant}/train.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/train.tsv"
    # The longest stage: it starts before the short ones that are ready as well. Only what it waits for comes first.
    priority: 1
    conda:
        "../../envs/llm.yaml"
    params:
        settings=read_by("train"),
    script:
        "../scripts/train.py"
