"""The tables of limits of current: facts, decisions, and what chargers have accepted.

A transaction with these needs no keys: a row is the newest reading, choice or confirmation, and the
one worker that leads writes the decisions.
"""
