"""What is in a raw file: opened, its atoms found, its fragments made whole, its chains named, its frames checked."""
