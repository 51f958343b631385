"""The import, rebuild, replay and restore of the books."""
