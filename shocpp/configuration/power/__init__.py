"""The keys of conf/charge_points.json about current: phases, currents, form of limits."""
