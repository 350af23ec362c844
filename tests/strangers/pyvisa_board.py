"""pyvisa-py powers the board and reads its rail, over whatever the resources are: python pyvisa_board.py DMM PSU"""
import sys

import pyvisa

manager = pyvisa.ResourceManager("@py")
link = dict(read_termination="\n", write_termination="\n", timeout=10000)
dmm = manager.open_resource(sys.argv[1], **link)
psu = manager.open_resource(sys.argv[2], **link)
assert ",34461A,SIM-" in dmm.query("*IDN?")
psu.write("VOLT 5,(@1)")
psu.write("CURR 0.5,(@1)")
psu.write("OUTP ON,(@1)")
assert float(psu.query("VOLT? (@1)")) == 5.0
volts = float(dmm.query("MEAS:VOLT:DC? 10"))
assert 3.2 < volts < 3.4, volts
psu.write("OUTP OFF,(@1)")
off = float(dmm.query("MEAS:VOLT:DC? 10"))
assert abs(off) < 0.1, off
assert dmm.query("SYST:ERR?").startswith("+0")
print("read", volts)
