"""What the person at the terminal reads: progress lines, and one sentence where something is wrong."""


class Problem(Exception):
    """One sentence that says what is wrong and what to do; ends the program with exit code 1 and no traceback."""


def say(line: str) -> None:
    print(line, flush=True)
