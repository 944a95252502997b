"""What a run found, in numbers and words: summary.json and the tables that commands print."""
