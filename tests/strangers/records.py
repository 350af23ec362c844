"""The records of a store, for the scripts beside this file: oldest first, read with nothing but Python's own JSON."""
import json
import pathlib


def records(store):
    found = [json.loads(path.read_text()) for path in pathlib.Path(store).glob("pending/*.json")]
    assert found, "there are records"
    return sorted(found, key=lambda record: record["sequence"])


def measured(record):
    """Step and measurement, the deciding attempts."""
    return [(step, taken) for step in record["steps"] for taken in step["measurements"]]
