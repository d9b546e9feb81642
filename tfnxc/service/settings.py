"""What whoever runs the service decides."""

import dataclasses
import os
import pathlib
import re
import secrets

from tfnxc.errors import InputError
from tfnxc.search.page import MOST_REQUEST

LOGS = ("json", "text")
TOKEN_VARIABLE = "TFNXC_TOKEN"
_TOKEN = re.compile(r"[!-~]{16,512}")  # what a header can say, and too long to be guessed


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the service allows.

    Args:
        token: What every request but `/healthz` and `/readyz` has to bring as a bearer token: 16 to 512 letters, digits
            or signs of ASCII. Defaults to `None`: everybody is answered.
        read_only: Whether adding and deleting are left out. Defaults to `False`.
        page: Whether the page of `tfnxc serve-ui` is at `/page`; only without a token. Defaults to `False`.
        requests_per_minute: Of one address; more are answered with 429. `None` is without a limit. Defaults to `600`.
        most_bytes: Bytes of a request; longer ones are answered with 413. Defaults to 17 MiB.
        waiting: Searches and changes that wait while one runs; more are answered with 503. Defaults to `16`.
        log: `"json"` or `"text"`: one line a request, without pictures, names and tokens. Defaults to `"json"`.

    Raises:
        InputError: If a value is not as described, or the page and a token are both asked for.

    Example:
        >>> Settings(read_only=True).waiting
        16
    """

    token: str | None = dataclasses.field(default=None, repr=False)
    read_only: bool = False
    page: bool = False
    requests_per_minute: int | None = 600
    most_bytes: int = MOST_REQUEST
    waiting: int = 16
    log: str = "json"

    def __post_init__(self):
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            made = f"such as {secrets.token_urlsafe(32)}"
            raise InputError(f"a token has 16 to 512 letters, digits or signs of ASCII and no spaces, {made}.")
        if self.page and self.token is not None:
            raise InputError("the page has no place for a token; leave out the page or the token.")
        for name in ("requests_per_minute", "most_bytes", "waiting"):
            value = getattr(self, name)
            least = 0 if name == "waiting" else 1
            if value is None and name == "requests_per_minute":
                continue
            if type(value) is not int or value < least:
                raise InputError(f"{name} must be a whole number of {least} or more; got {value!r}.")
        if self.log not in LOGS:
            raise InputError(f"log must be one of {', '.join(LOGS)}; got {self.log!r}.")


def read_token(file: str | os.PathLike | None = None) -> str | None:
    """The token in a file, without the end of its line, or else in the environment variable `TFNXC_TOKEN`.

    Args:
        file: A text file. Defaults to `None`: the variable, and `None` where that is not set either.

    Raises:
        InputError: If the file cannot be read or has nothing in it.

    Example:
        >>> _ = pathlib.Path("token").write_text("correct-horse-battery-staple\\n")
        >>> read_token("token")
        'correct-horse-battery-staple'
    """
    if file is None:
        return os.environ.get(TOKEN_VARIABLE)
    try:
        token = pathlib.Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not a text file in UTF-8"
        raise InputError(f"{file}: no token can be read here ({why}).") from None
    if not token:
        raise InputError(f"{file}: empty; expected a token in one line.")
    return token
