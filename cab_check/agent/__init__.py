"""The agent loop, and one file per dialect."""
