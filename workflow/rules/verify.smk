# Needs: verification.proposals or random_frames above 0; novelty/, ensemble/, and the raw trajectory with the atoms that it has.
# Makes: VARIANT_round_N/frames/, those of the round before with what MD has kept of its proposals; proposals/, frames of
# model and nulls with their heavy atoms; verification/, short simulations of each, where they end, and the verdict.


# `set-scatter: verify=20` in a profile spreads the simulations over 20 jobs; the result is the same.
scattergather:
    verify=2,


rule join:
    input:
        unpack(frames_before),
        sources="results/{system}/raw/sources.json",
        simulations=before("verify", "verification/simulations.csv"),
        proposals=before("verify", "verification/proposals.csv"),
        simulated=before("verify", "verification/frames.parquet"),
        trajectories=before("verify", "verification/trajectories"),
    output:
        topology="results/{system}/{variant}/frames/topology.pdb",
        trajectory="results/{system}/{variant}/frames/trajectory.xtc",
        frames="results/{system}/{variant}/frames/frames.parquet",
        slow="results/{system}/{variant}/frames/slow.npz",
        joined="results/{system}/{variant}/frames/joined.csv",
        provenance="results/{system}/{variant}/frames/provenance.json",
    log:
        "logs/{system}/{variant}/join.log",
    wildcard_constraints:
        variant="[A-Za-z0-9_]+_round_[0-9]+",
    conda:
        "../../envs/structures.yaml"
    params:
        round=lambda wildcards: of_system(wildcards).trained[wildcards.variant].round,
        context_frames=lambda wildcards: of_system(wildcards).context_frames(
            wildcards.variant
        ),
    script:
        "../scripts/join.py"


rule propose:
    input:
        unpack(prepared),
        sources="results/{system}/raw/sources.json",
        codes=made_by("tokenize", "tokens/codes.npz"),
        ensembles=ensembles,
        index=made_by("decode", "ensemble/frames.parquet"),
        cvs=made_by("analyze", "analysis/cvs.parquet"),
        description=made_by("analyze", "analysis/description.json"),
        new_frames=made_by("novelty", "novelty/frames.parquet"),
        threshold=made_by("novelty", "novelty/novelty.json"),
    output:
        proposals="results/{system}/{variant}/proposals/proposals.csv",
        backbones="results/{system}/{variant}/proposals/backbones.xtc",
        structures=directory("results/{system}/{variant}/proposals/structures"),
        provenance="results/{system}/{variant}/proposals/provenance.json",
    log:
        "logs/{system}/{variant}/propose.log",
    conda:
        "../../envs/structures.yaml"
    params:
        settings=read_by("propose"),
        selection=lambda wildcards: of_system(wildcards).settings.selection,
    script:
        "../scripts/propose.py"


rule verify_part:
    input:
        proposals=made_by("propose", "proposals/proposals.csv"),
        structures=made_by("propose", "proposals/structures"),
    output:
        part=temp("results/{system}/{variant}/verification/part_{scatteritem}.json"),
    log:
        "logs/{system}/{variant}/verify_{scatteritem}.log",
    benchmark:
        "results/benchmarks/{system}/{variant}/verify_{scatteritem}.tsv"
    conda:
        "../../envs/structures.yaml"
    params:
        settings=read_by("verify"),
    script:
        "../scripts/verify_part.py"


rule verify:
    input:
        unpack(prepared),
        parts=gather.verify(
            "results/{{system}}/{{variant}}/verification/part_{scatteritem}.json"
        ),
        codes=made_by("tokenize", "tokens/codes.npz"),
        description=made_by("analyze", "analysis/description.json"),
        threshold=made_by("novelty", "novelty/novelty.json"),
        proposals=made_by("propose", "proposals/proposals.csv"),
        backbones=made_by("propose", "proposals/backbones.xtc"),
        structures=made_by("propose", "proposals/structures"),
        references=reference_files,
        rounds=before("verify", "verification/rounds.csv"),
    output:
        tables=expand(
            "results/{{system}}/{{variant}}/verification/{table}.csv",
            table=VERIFICATION_TABLES,
        ),
        frames="results/{system}/{variant}/verification/frames.parquet",
        verdict="results/{system}/{variant}/verification/verdict.json",
        trajectories=directory("results/{system}/{variant}/verification/trajectories"),
        states=directory("results/{system}/{variant}/verification/states"),
        provenance="results/{system}/{variant}/verification/provenance.json",
    log:
        "logs/{system}/{variant}/verify.log",
    conda:
        "../../envs/structures.yaml"
    params:
        settings=read_by("verify"),
        observables=observables,
        round=lambda wildcards: of_system(wildcards).trained[wildcards.variant].round,
    script:
        "../scripts/verify.py"
