"""conf/site.json: the limits of all chargers together, and the meter of the house."""
