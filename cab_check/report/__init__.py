"""A stored run, turned into something to look at."""
