"""The rooms where reports are made."""
