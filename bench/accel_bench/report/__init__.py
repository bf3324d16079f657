"""Render records as one self-contained HTML page, without scripts and without network access."""
