"""The agent CLIs: what each sends, what it needs, what it does when it does not get it, how it is wired."""
