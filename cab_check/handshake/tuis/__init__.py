"""From findings to one agent CLI: what of them it meets, what it then does to its user, and whether it works here."""
