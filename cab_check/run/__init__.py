"""One task from prepare to clean-up: agent, sandbox, grading."""
