"""The quick reading of texts, beside the thorough one; it needs the optional msgspec (pure).

Only plain texts are read quickly, with the same results. All other texts go the thorough way.
"""
