"""The commands of a smart home."""
