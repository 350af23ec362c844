"""The records of a store, for the scripts beside this file: oldest first, read with nothing but Python's own JSON."""
import json
import pathlib
import struct


def records(store):
    found = [json.loads(path.read_text()) for path in pathlib.Path(store).glob("pending/*.json")]
    assert found, "there are records"
    return sorted(found, key=lambda record: record["sequence"])


def measured(record):
    """Step and measurement, the deciding attempts."""
    return [(step, taken) for step in record["steps"] for taken in step["measurements"]]


def number(value):
    """The value where it is a number."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def text(value):
    """A text or a boolean as the exports write it."""
    return str(value).lower() if isinstance(value, bool) else value


def single(value):
    """A number as STDF holds it."""
    return struct.unpack("<f", struct.pack("<f", value))[0]
