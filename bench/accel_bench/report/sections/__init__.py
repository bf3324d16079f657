"""Sections of the page, one module per kind of record."""
