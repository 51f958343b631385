"""The first page: tiles of connectors, starts and stops from them, and the needs for a human."""
