"""The interfaces: each package translates one technology and decides nothing."""
