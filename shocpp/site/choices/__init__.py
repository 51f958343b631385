"""Choices of people for a charger: limits and modes."""
