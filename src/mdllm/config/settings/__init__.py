"""The sections of config files as frozen typed objects; each key with its unit, its bounds and its meaning."""
