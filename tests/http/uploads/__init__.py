"""Pictures on their way in and out."""
