"""Import, rebuild, replay and restore of the books."""
