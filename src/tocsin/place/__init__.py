"""Where: areas, their names in many languages, what lies in what, and on which side of a line a point is."""
