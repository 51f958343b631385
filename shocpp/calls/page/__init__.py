"""The first page: the tiles of connectors, starts and stops from them, and what needs a human."""
