"""cab-check: will this endpoint, this model and this coding agent work together?"""

__version__ = "0.1.0"
