"""Where raw frames come from: the user's files, wheels of the package index, databases, structures, series."""
