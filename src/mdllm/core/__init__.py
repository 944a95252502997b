"""What every stage stands on: units, geometry, collective variables, file records, provenance, configuration."""
