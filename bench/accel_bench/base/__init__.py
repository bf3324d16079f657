"""Usable by every floor above."""
