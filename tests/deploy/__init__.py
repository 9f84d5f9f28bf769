"""What `examples/deploy/` shows, at work: replicas behind a real nginx, and each file checked as far as can be."""
