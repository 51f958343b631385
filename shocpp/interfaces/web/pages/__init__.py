"""The pages with forms: a module each, on `form_pages.py`."""
