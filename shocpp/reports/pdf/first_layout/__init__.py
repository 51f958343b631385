"""The layout of months that were closed before ADDRESSED; their bytes never change.

document    the statement, from head to foot      head    the facts above the table
foot        sums, and the line to sign on
"""
