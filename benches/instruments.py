"""What one TCP query costs through the Python libraries that are installed: `instruments.py PORT QUERIES`.

One line per way: its name, the median and the 99th percentile in microseconds. A library that is not installed says so.
"""

import sys
import time

PORT, QUERIES = int(sys.argv[1]), int(sys.argv[2])
RESOURCE = f"TCPIP::127.0.0.1::{PORT}::SOCKET"
TERMINATORS = {"read_termination": "\n", "write_termination": "\n"}


def report(name, query):
    for _ in range(QUERIES // 10 + 1):
        query()
    times = []
    for _ in range(QUERIES):
        begun = time.perf_counter()
        assert query() == 1.23456789
        times.append((time.perf_counter() - begun) * 1e6)
    times.sort()
    print(f"{name}\t{times[len(times) // 2]:.1f}\t{times[(len(times) - 1) * 99 // 100]:.1f}", flush=True)


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


for name, begin in [
    ("pyvisa-py", lambda: pyvisa_with("@py")),
    ("PyMeasure on pyvisa-py", pymeasure),
    ("pyvisa-rs", lambda: pyvisa_with("@rs")),
]:
    try:
        query = begin()
    except (ImportError, ValueError) as error:
        print(f"skipped: {name}: {error}", flush=True)
        continue
    report(name, query)
