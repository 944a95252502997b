"""The workflow of workflow/Snakefile, for `snakemake` in this folder."""


include: "workflow/Snakefile"


workflow.default_target = "all"  # an included file cannot set it
