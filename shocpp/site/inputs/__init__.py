"""Inputs of the site: the readings of its meter, and the signal of the grid operator."""
