"""Statements as PDF files."""
