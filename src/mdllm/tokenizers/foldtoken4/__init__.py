"""The released FoldToken4, from the user's copies of its code and weights."""
