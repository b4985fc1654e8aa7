"""The loader of task folders, and the bundled tasks as data."""
