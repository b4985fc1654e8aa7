"""What to ask an endpoint, what the answers prove, and the verdict."""
