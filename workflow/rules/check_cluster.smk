# Needs: a profile whose partitions, account and GPU type are those of your cluster.
# Makes: one short job on the CPU partition and one on the GPU partition, and a table of what they found, with advice.


rule check_cpu:
    output:
        report=temp("results/check_cluster/cpu.json"),
    log:
        "logs/check_cluster/cpu.log",
    conda:
        "../../envs/llm.yaml"
    params:
        gpu=False,
    script:
        "../scripts/check_node.py"


rule check_gpu:
    output:
        report=temp("results/check_cluster/gpu.json"),
    log:
        "logs/check_cluster/gpu.log",
    conda:
        "../../envs/llm.yaml"
    params:
        gpu=True,
    script:
        "../scripts/check_node.py"


rule check_cluster:
    input:
        "results/check_cluster/cpu.json",
        "results/check_cluster/gpu.json",
    log:
        "logs/check_cluster/summary.log",
    retries: 0
    localrule: True
    conda:
        "../../envs/llm.yaml"
    script:
        "../scripts/check_cluster.py"
