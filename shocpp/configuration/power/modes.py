"""The words for modes in files of conf/.

They are those of energy/model.py, whose import would cost a CGI process 2 ms.
"""

MODES = ("fast", "min", "solar", "off")
