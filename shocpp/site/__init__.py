"""The service of limits: it reads the site, decides each few seconds, and sends set points."""
