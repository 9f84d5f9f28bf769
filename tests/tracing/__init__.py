"""What the server tells a collector of traces."""
