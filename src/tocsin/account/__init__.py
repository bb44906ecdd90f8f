"""From deliveries to answers: where to go, who is safe, what is open, and what happened."""
