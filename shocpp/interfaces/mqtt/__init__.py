"""MQTT: the states of chargers and site for a smart home, its commands, and topics as inputs.

Only the process that leads the limits (`site/thread.py`) has a connection to the broker.
"""
