"""What goes over the network: the address, the client that records, and the recording."""
