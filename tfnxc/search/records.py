"""What an index holds of each picture beside its features."""

import dataclasses
import json

from tfnxc.search.picture import is_time


@dataclasses.dataclass(frozen=True)
class Records:
    """One entry a picture in each list; the entries are those of `Picture`."""

    names: list[str]
    identities: list[str | None]
    cameras: list[str | None]
    times: list[float | None]

    @classmethod
    def of(cls, pictures):
        """The records of some `Picture`s."""
        pictures = list(pictures)
        return cls(*([getattr(each, field) for each in pictures] for field in ("name", "identity", "camera", "time")))

    @classmethod
    def joined(cls, parts):
        """Some `Records`, one after the other."""
        lists = [dataclasses.astuple(part) for part in parts]
        return cls(*([each for part in column for each in part] for column in zip(*lists, strict=True)))

    @classmethod
    def none(cls):
        """The records of no picture."""
        return cls([], [], [], [])

    def sound(self, count):
        """Whether there are `count` of each, of the kinds above: the file may be a stranger's."""
        kinds = {str, type(None)}
        return (
            all(isinstance(each, list) and len(each) == count for each in dataclasses.astuple(self))
            and {type(name) for name in self.names} <= {str}
            and {type(text) for text in (*self.identities, *self.cameras)} <= kinds
            and all(time is None or is_time(time) for time in self.times)
        )

    def __len__(self):
        return len(self.names)

    def take(self, rows):
        """Those of some positions."""
        return Records(*([column[row] for row in rows] for column in dataclasses.astuple(self)))

    def to_bytes(self):
        """As JSON; a file's name that is not UTF-8 keeps its bytes."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data):
        """What `to_bytes` gave."""
        return cls(**json.loads(data))
