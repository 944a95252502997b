# Needs: a profile; the rest of the command line says what would run, as for a run.
# Makes: a table of the jobs that would be submitted and the GPU-hours that they may take at most; runs nothing.


rule estimate:
    log:
        "logs/estimate.log",
    retries: 0
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        command=dry_run,
    script:
        "../scripts/estimate.py"
