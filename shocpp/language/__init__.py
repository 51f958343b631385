"""Figures, dates, months and sentences in German and English (pure)."""
