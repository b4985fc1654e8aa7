"""Named faults, laid over the sound demo endpoint as changes to its requests and replies, so that any combine."""
