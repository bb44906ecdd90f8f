"""Tocsin: an open warning platform. Sense makes reports, Assess incidents, Warn alerts, Reach deliveries, Account answers.

One journal holds it all. It protects civilians and nothing else, under three laws: silence is never green; a person
decides; no warning leaves without its retraction ready.
"""

__version__ = "0.1.0"
