"""The folder in which the workflow runs, where there is no checkout: its files come with the package."""
