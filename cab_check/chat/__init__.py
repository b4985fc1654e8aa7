"""Requests and replies of the API surfaces, streamed or not. Pure: no sockets here."""
