"""What the user says: YAML files read and checked, the settings of every section, and the plan of what runs."""
