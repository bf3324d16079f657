"""OpenAI's Images API over engines."""
