"""What tokens and sealed values promise."""
