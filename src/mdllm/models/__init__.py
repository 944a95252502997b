"""Next-token models over codes: chosen by name from the registry in `base`, trained, and rolled out."""
