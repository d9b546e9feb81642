"""The routes of the service, as a FastAPI application. Imported where the extra `service` is there."""

import contextlib
import functools
from typing import Annotated

import fastapi
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from tfnxc.search import SHORTLIST
from tfnxc.search.page import mount_page
from tfnxc.service import forms
from tfnxc.service.admission import admission
from tfnxc.service.engine import Engine
from tfnxc.service.problems import ProblemError
from tfnxc.service.watching import Watch
from tfnxc.version import __version__
from tfnxc.web.guards import BoundedBody, OneLineErrors


def build(gallery, settings, folder):
    """The application; `folder` is where the page keeps what is dropped, if it is asked for."""
    watch = Watch(gallery)
    engine = Engine(gallery, settings.waiting, watch)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        engine.load()
        yield
        engine.close()

    # The usual page of documentation would load scripts from another host.
    app = fastapi.FastAPI(
        title="tfnxc search", version=__version__, openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    _health(app, engine)
    app.include_router(_watched(app, watch, settings))
    app.include_router(_searching(engine, settings))
    if not settings.read_only:
        app.include_router(_changing(engine, settings))
    if settings.page:
        found = functools.partial(engine.find, shortlist=SHORTLIST)
        mount_page(app, "/page", found, gallery.cameras, folder)
    app.add_exception_handler(405, functools.partial(_other_method, app))
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _not_as_described)
    for each, options in ((BoundedBody, {"most": settings.most_bytes}), (OneLineErrors, {}), (watch.around, {})):
        app.add_middleware(each, **options)
    return app


def _health(app, engine):
    @app.get("/healthz")
    async def alive() -> forms.State:
        """Says that the process answers."""
        return forms.State(status="alive")

    @app.get("/readyz", responses=_errors(503))
    async def ready() -> forms.State:
        """Says whether the model is loaded and the index can be read."""
        why_not = await engine.why_not_ready()
        if why_not:
            raise ProblemError(503, why_not, {"Retry-After": "1"})
        return forms.State(status="ready")


def _router(settings, *errors):
    refused = [*([401] if settings.token is not None else []), *([429] if settings.requests_per_minute else [])]
    return fastapi.APIRouter(dependencies=admission(settings), responses=_errors(*refused, *errors))


def _watched(app, watch, settings):
    router = _router(settings)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics():
        """Metrics in the text format of Prometheus."""
        return fastapi.Response(watch.metrics(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/openapi.json", include_in_schema=False)
    async def document():
        return JSONResponse(app.openapi())

    return router


def _searching(engine, settings):
    router = _router(settings, 500, 503)

    @router.post("/v1/search", openapi_extra=forms.PICTURE_BODY, responses=_errors(400, 404, 413, 415, 422))
    async def search(request: fastapi.Request, query: Annotated[forms.SearchQuery, fastapi.Query()]) -> forms.Answer:
        """Finds the pictures that are most likely of the person on a picture."""
        return await engine.run(engine.search, await forms.sent_picture(request), query)

    @router.get("/v1/index")
    async def index() -> forms.Summary:
        """Says what the index holds."""
        return await engine.run(engine.summary)

    return router


def _changing(engine, settings):
    router = _router(settings, 409, 500, 503)
    added = {201: {"model": forms.Kept, "description": "The picture is in the index for good."}}

    @router.post("/v1/pictures", openapi_extra=forms.PICTURE_BODY, responses={**added, **_errors(400, 413, 415, 422)})
    async def add(
        request: fastapi.Request,
        response: fastapi.Response,
        query: Annotated[forms.AddQuery, fastapi.Query()],
    ) -> forms.Kept:
        """Adds a picture under a name, or says that it is there."""
        kept = await engine.run(engine.add, await forms.sent_picture(request), query)
        response.status_code = 201 if kept["state"] == "added" else 200
        return kept

    @router.delete("/v1/pictures", responses=_errors(404, 422))
    async def delete(query: Annotated[forms.DeleteQuery, fastapi.Query()]) -> forms.Deleted:
        """Deletes the picture of exactly this name; `tfnxc index --compact` takes its features off the disk."""
        return await engine.run(engine.delete, query)

    return router


def _errors(*statuses):
    return {status: {"model": forms.Detail} for status in statuses}


async def _other_method(app, request, error):
    """With all methods that the path has: each of them is a route of its own, and the first would name itself alone."""
    methods = app.openapi()["paths"].get(request.url.path, {})
    allowed = {"Allow": ", ".join(sorted(map(str.upper, methods)))} if methods else error.headers
    return JSONResponse({"detail": error.detail}, 405, allowed)


async def _problem(_, problem):
    return JSONResponse({"detail": problem.why}, problem.status, problem.headers)


async def _not_as_described(_, error):
    said = (f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
    return JSONResponse({"detail": "; ".join(said)}, 422)
