"""Axes and composite, from plain numbers."""
