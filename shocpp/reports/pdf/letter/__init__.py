"""The layout of statements since ADDRESSED: a letter with the sums, and its annex with the rows.

document    the statement, from letter to annex       payment     the transfer that is asked for
din_5008    letterhead, window, information, marks    giro_code   the QR code of a transfer
sums        the lines from the prices to the total    days        the chart of the days
annex       the pages with the rows and notes         words       labels beside `pdf/labels.py`
"""
