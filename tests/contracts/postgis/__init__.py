"""The matching engine beside a real PostGIS."""
