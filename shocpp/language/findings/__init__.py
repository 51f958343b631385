"""The sentences of the findings of `shocpp check` and `shocpp tariffs check`, in parts by subject.

`sentences.py` fills them in; all are German and English (pure).
"""
