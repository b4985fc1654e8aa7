"""Walls around commands that a model wrote: one interface, one file per engine."""
