"""The built-in endpoint: an honest scripted model behind a real HTTP server."""
