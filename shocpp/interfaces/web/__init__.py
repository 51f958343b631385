"""The WSGI application of one worker, and its pages."""
