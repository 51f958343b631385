"""The sun: modes, what the sun leaves, its timers, and the switching of phases (pure)."""
