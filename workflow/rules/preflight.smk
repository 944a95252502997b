# Needs: nothing but the config; a network, if anything is to be fetched.
# Makes: nothing but a list of what a run lacks: data, structures, weights. Fetches what can be fetched, into the caches.


rule preflight:
    log:
        "logs/preflight.log",
    localrule: True
    conda:
        "../../envs/llm.yaml"
    params:
        run=plan.run.model_dump(mode="json"),
    script:
        "../scripts/preflight.py"
