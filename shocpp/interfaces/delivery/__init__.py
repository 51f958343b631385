"""Delivery of statements by mail and webhook."""
