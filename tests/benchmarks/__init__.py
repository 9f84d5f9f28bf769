"""What is measured rather than tested: run each file with `python -m`; nothing here fails a build."""
