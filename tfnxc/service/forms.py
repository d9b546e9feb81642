"""What the service is asked and what it answers, as its OpenAPI document has it."""

from typing import Annotated, Any, Literal

import pydantic
from starlette.datastructures import UploadFile

from tfnxc.service.problems import ProblemError

KINDS = ("image/png", "image/jpeg", "image/bmp", "image/webp")
_MULTIPART = "multipart/form-data"
_BINARY = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["picture"], "properties": {"picture": _BINARY}}
PICTURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {_MULTIPART: {"schema": _FORM}, **{kind: {"schema": _BINARY} for kind in KINDS}},
    }
}
"""The body of a request with a picture: the file itself, or a form with a file called `picture`."""

_PRINTABLE = r"[^\x00-\x1f\x7f]"
Label = Annotated[str, pydantic.Field(min_length=1, max_length=200, pattern=rf"^{_PRINTABLE}+$")]
Moment = Annotated[str, pydantic.Field(max_length=40, examples=["2026-03-31", "2026-03-31T17:05:00+02:00"])]
Name = Annotated[str, pydantic.Field(min_length=1, max_length=1000, pattern=rf"^{_PRINTABLE}+$")]
# Of a picture that is added: no absolute path, by which the index knows files of this machine.
NewName = Annotated[str, pydantic.Field(min_length=1, max_length=500, pattern=rf"^[^/\\\x00-\x1f\x7f]{_PRINTABLE}*$")]


class _Query(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")


class SearchQuery(_Query):
    """What is searched for beside the picture; as in `Gallery.search`."""

    top: int = pydantic.Field(10, ge=1, le=100)
    cameras: list[Label] = pydantic.Field([], max_length=100)
    without_cameras: list[Label] = pydantic.Field([], max_length=100)
    since: Moment | None = None
    until: Moment | None = None
    scorer: Literal["both", "head", "embedding"] = "both"
    shortlist: int | None = pydantic.Field(None, ge=100, le=5000)
    false_matches: float | None = pydantic.Field(None, gt=0, lt=1000, allow_inf_nan=False)


class AddQuery(_Query):
    """What is known of a picture that is added."""

    name: NewName
    identity: Label | None = None
    camera: Label | None = None
    time: Moment | None = None
    update: Literal["true", "false"] = "false"


class DeleteQuery(_Query):
    """Which picture is deleted."""

    name: Name


class Found(pydantic.BaseModel):
    """A picture that was found; as `Match` has it."""

    name: str
    score: float
    probability: float | None
    identity: str | None
    camera: str | None
    time: str | None


class Answer(pydantic.BaseModel):
    """What a search found, the best first."""

    pictures: int  # of the index
    matches: list[Found]
    confident: bool | None  # whether there is a match, where `false_matches` asks for confident ones alone
    left_out: list[str]  # a line for each picture that is gone or has changed, where the index keeps paths


class Kept(pydantic.BaseModel):
    """What came of adding a picture."""

    name: str
    state: Literal["added", "known", "updated"]


class Deleted(pydantic.BaseModel):
    """What was deleted."""

    deleted: int


class Summary(pydantic.BaseModel):
    """What the index holds; a camera that is not known is called ""."""

    pictures: int
    bytes: int
    keep: Literal["maps", "paths"]
    dimensions: int
    map_shape: list[int]
    model: str
    cameras: dict[str, int]


class State(pydantic.BaseModel):
    """How the service is."""

    status: str


class Detail(pydantic.BaseModel):
    """Why something was not done."""

    detail: str


async def sent_picture(request):
    """The bytes of the picture in a request."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind in KINDS:
        return await request.body()
    if kind != _MULTIPART:
        raise ProblemError(415, f"Send {_MULTIPART} with a file called picture, or one of {', '.join(KINDS)}.")
    async with request.form(max_files=1) as form:
        file = form.get("picture")
        if not isinstance(file, UploadFile):
            raise ProblemError(422, "picture: the form has no file of this name.")
        return await file.read()
