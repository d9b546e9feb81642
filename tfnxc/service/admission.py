"""Who is answered: whoever brings the token, and not more often than agreed."""

import hmac
import math
import time
from typing import Annotated

import fastapi
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tfnxc.service.problems import ProblemError

_MOST_BUCKETS = 10_000  # addresses that are remembered at a time


class RateLimit:
    """A token bucket for each address, which holds the requests of a minute and fills up evenly."""

    def __init__(self, per_minute, clock=time.monotonic):
        self._most, self._clock = per_minute, clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and when that was so

    def seconds_to_wait(self, address):
        """0 where a request of this address is allowed now, which is then counted; or else in how many one will be."""
        now = self._clock()
        if len(self._buckets) >= _MOST_BUCKETS:
            kept = {each: bucket for each, bucket in self._buckets.items() if self._left(bucket, now) < self._most}
            self._buckets = kept if len(kept) < _MOST_BUCKETS else {}
        left = self._left(self._buckets.get(address, (self._most, now)), now)
        if left < 1:
            return math.ceil((1 - left) * 60 / self._most)
        self._buckets[address] = left - 1, now
        return 0

    def _left(self, bucket, now):
        left, since = bucket
        return min(self._most, left + (now - since) * self._most / 60)


def admission(settings):
    """The dependencies of FastAPI that refuse a request before anything of its body is read."""
    dependencies = []
    if settings.requests_per_minute is not None:
        limit = RateLimit(settings.requests_per_minute)

        async def not_too_often(request: fastapi.Request):
            wait = limit.seconds_to_wait(request.client.host if request.client else "")
            if wait:
                raise ProblemError(429, f"Too many requests; the next in {wait} s.", {"Retry-After": str(wait)})

        dependencies.append(fastapi.Depends(not_too_often))
    if settings.token is not None:
        token, scheme = settings.token.encode(), HTTPBearer(auto_error=False)

        async def with_token(given: Annotated[HTTPAuthorizationCredentials | None, fastapi.Security(scheme)]):
            if given is None or not hmac.compare_digest(given.credentials.encode(), token):
                raise ProblemError(401, "A bearer token is needed.", {"WWW-Authenticate": "Bearer"})

        dependencies.append(fastapi.Depends(with_token))
    return dependencies
