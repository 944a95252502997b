# Needs: tokens/, and, where structures will be decoded, a fidelity within its limits; of a kinetic system md_kinetics/.
# Makes: model/ (weights, vocabulary, losses beside their baselines) and training_log.csv.


rule finetune:
    input:
        codes=made_by("tokenize", "tokens/codes.npz"),
        needed=ancient(needed_to_train),
    output:
        model=directory("results/{system}/{variant}/model"),
        training_log="results/{system}/{variant}/training_log.csv",
    log:
        "logs/{system}/{variant}/finetune.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/finetune.tsv"
    # The longest stage: it starts before the short ones that are ready as well. Only what it waits for comes first.
    priority: 1
    conda:
        "../../envs/llm.yaml"
    params:
        settings=read_by("finetune"),
    script:
        "../scripts/finetune.py"
