"""What one TCP query costs through a Python library that is installed: `instruments.py PORT WAY`.

Says `ready`, or `skipped` and why. Then every line that comes is one query, and is answered with what that took, in microseconds:
so that the one who asks can take its own in between.
"""

import sys
import time

PORT, WAY = int(sys.argv[1]), sys.argv[2]
RESOURCE = f"TCPIP::127.0.0.1::{PORT}::SOCKET"
TERMINATORS = {"read_termination": "\n", "write_termination": "\n"}


def pyvisa_with(backend):
    import pyvisa

    session = pyvisa.ResourceManager(backend).open_resource(RESOURCE, **TERMINATORS)
    return lambda: float(session.query("READ?"))


def pymeasure():
    from pymeasure.adapters import VISAAdapter
    from pymeasure.instruments import Instrument

    adapter = VISAAdapter(RESOURCE, visa_library="@py", **TERMINATORS)
    instrument = Instrument(adapter, "echo", includeSCPI=False)
    return lambda: instrument.values("READ?")[0]


WAYS = {
    "pyvisa-rs": lambda: pyvisa_with("@rs"),
    "pyvisa-py": lambda: pyvisa_with("@py"),
    "PyMeasure on pyvisa-py": pymeasure,
}


def say(text):
    print(text, flush=True)


def main():
    try:
        query = WAYS[WAY]()
    except (ImportError, ValueError) as error:
        say(f"skipped: {error}")
        return
    say("ready")
    for _ in sys.stdin:
        begun = time.perf_counter()
        value = query()
        took = (time.perf_counter() - begun) * 1e6
        assert value == 1.23456789, value
        say(f"{took:.3f}")


main()
