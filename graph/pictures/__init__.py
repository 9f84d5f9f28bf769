"""Pictures that users upload: what is made of their bytes, and where they are kept."""
