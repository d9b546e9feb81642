"""Which lines of standard error are notices of TensorFlow; as a program, passes on all others."""

import re
import signal
import sys

_SEVERITIES = b"IWEF"
# As absl begins a message, and as TensorFlow did before it used absl.
_MESSAGE = re.compile(rb"(?:([IWEF])\d{4} [\d:.]+ +\d+ |\d{4}-\d\d-\d\d [\d:.]+: ([IWEF]) )\S+:\d+\]")
# What has no severity, or one too high: libraries of CUDA that register twice are no error.
_NOTICES = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|To enable the following instructions: .*, in other operations, rebuild TensorFlow with the appropriate"
    rb"|.*\] Unable to register cu\w+ factory: Attempting to register factory for plugin cu\w+ when one has already"
)


def is_notice(line: bytes, level: int) -> bool:
    """Whether a line is a message of TensorFlow below `level`: 1 = warnings are seen, 2 = errors, 3 = fatal ones.

    Example:
        >>> is_notice(b"I0000 00:00:1796090527.518114   13305 port.cc:153] oneDNN custom operations are on.", 2)
        True
        >>> is_notice(b"ImportError: libstdc++.so.6: cannot open shared object file", 2)
        False
    """
    message = _MESSAGE.match(line)
    if message and _SEVERITIES.index(message[1] or message[2]) < level:
        return True
    return _NOTICES.match(line) is not None


def pass_on(level: int) -> None:
    """Copies standard input to standard output, each line as it comes, without notices."""
    while line := sys.stdin.buffer.readline():
        if not is_notice(line, level):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever imports; what that says is passed on
    pass_on(int(sys.argv[1]))
