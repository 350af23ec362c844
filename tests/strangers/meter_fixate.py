"""fixate, unchanged, on a simulated DMM6500: python meter_fixate.py RESOURCE [RESOURCE ...]"""
import sys
import pyvisa
from fixate.drivers.dmm.keithley_6500 import Keithley6500

for resource in sys.argv[1:]:
    link = pyvisa.ResourceManager("@py").open_resource(resource, read_termination="\n", write_termination="\n")
    with Keithley6500(link) as meter:
        meter.voltage_dc(10)
        meter.set_nplc(1)
        volts = meter.measurement()
        meter.current_dc(0.1)
        meter.samples = 5
        amperes = meter.measurements()
        assert not meter._is_error()
        print(meter.get_identity(), volts, "V", amperes, "A")
