"""Rows of views for listings: whole views, and pages of long ones."""
