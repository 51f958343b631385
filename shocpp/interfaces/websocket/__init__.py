"""OCPP-J over WebSocket: upgrade, frames and transport."""
