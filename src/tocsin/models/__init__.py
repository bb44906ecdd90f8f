"""Models: the optional helpers of :mod:`tocsin.assess.model`, from a folder on this machine or behind an address."""
