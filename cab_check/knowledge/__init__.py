"""Findings, advice and server fingerprints as data, and the matcher over them."""
