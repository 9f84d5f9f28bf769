"""The command: real processes where they serve, click's runner where they do one thing and end."""
