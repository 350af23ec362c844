"""PyMeasure, unchanged, on simulated meters: python meters_pymeasure.py MODEL RESOURCE [RESOURCE ...]"""
import sys
from pymeasure.instruments.hp import HP34401A
from pymeasure.instruments.keithley import Keithley2000, KeithleyDMM6500

model, resources = sys.argv[1], sys.argv[2:]
for resource in resources:
    serial = resource.startswith("ASRL")
    end = "\r\n" if serial and model == "34401a" else "\n"      # the real 34401A ends answers so on RS-232
    link = dict(visa_library="@py", write_termination="\n", read_termination=end, timeout=10000)
    if model == "34401a":
        meter = HP34401A(resource, **link)
        if serial:
            meter.remote_control_enabled = True
        meter.function_ = "DCV"
        volts = meter.reading
        meter.function_ = "DCI"
        amperes = meter.reading
    else:
        meter = {"2000": Keithley2000, "dmm6500": KeithleyDMM6500}[model](resource, **link)
        meter.measure_voltage(10)
        volts = meter.voltage
        meter.measure_current(0.1)
        amperes = meter.current
    assert not meter.check_errors()
    print(meter.id, volts, "V", amperes, "A")
