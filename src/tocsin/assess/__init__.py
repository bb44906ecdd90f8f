"""From reports in many languages to incidents: who says what, on whose word, and what has been corrected since."""
