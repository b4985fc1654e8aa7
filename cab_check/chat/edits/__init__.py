"""Edits that a model writes in its text: three formats, read and applied as aider 0.86.2 does. Pure."""
