"""A simulated day of sun: its house, naive controllers, and figures to compare."""
