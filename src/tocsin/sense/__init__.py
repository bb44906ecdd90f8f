"""From what sources say to reports: heard, kept word for word, and counted as silence when they fall silent."""
