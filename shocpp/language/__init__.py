"""Figures, dates, months, sentences and phrases in German and English (pure).

`language` is always "de" or "en". The caller passes time zones in; this package opens no file.
"""
