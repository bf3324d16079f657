"""Used by every room of the runtime."""
