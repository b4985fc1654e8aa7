"""The Record: what the rooms below produced, its JSON Schema, and the local store."""
