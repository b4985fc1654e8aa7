"""Errors, deadlines, spans, progress, and the cleaning of hostile text: what every room may use."""
