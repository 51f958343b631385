"""The state of the controller between two decisions (pure)."""
