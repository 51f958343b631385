"""The words of the pages with forms, a module each, in German and English (pure)."""
