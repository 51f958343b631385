"""Statements as PDF files, drawn with reportlab."""
