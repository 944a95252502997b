"""Which states the generated frames reach, beside what the nulls reach."""
