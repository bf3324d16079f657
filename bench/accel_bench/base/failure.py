"""How a process of other software ended, in one line."""


def failure(code: int, stderr: str) -> str:
    """Its end, and the last thing that it said."""
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    last = [line.strip() for line in stderr.splitlines() if line.strip()][-1:]
    return f"it ended with {ended}: {' '.join(last) or 'it said nothing'}"
