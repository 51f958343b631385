"""Charging by the sun: modes, surplus, delays, and the switching of phases (pure)."""
