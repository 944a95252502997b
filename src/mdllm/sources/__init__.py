"""Where raw frames come from: the user's files, wheels of the package index, the Protein Data Bank."""
