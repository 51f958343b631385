"""Charger models: where each takes the address, name and password, and what live power needs."""
