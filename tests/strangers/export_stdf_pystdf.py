"""pystdf reads an export: python export_stdf_pystdf.py FILE STORE"""
import struct
import sys

from pystdf.IO import Parser

from records import measured, records


class Kept:
    def __init__(self):
        self.records = []

    def before_begin(self, source):
        pass

    def before_send(self, source, data):
        kind, fields = data
        self.records.append((type(kind).__name__, dict(zip(kind.fieldNames, fields))))

    def __getattr__(self, name):
        return lambda *_: None


def single(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


kept = Kept()
with open(sys.argv[1], "rb") as file:
    parser = Parser(inp=file)
    parser.addSink(kept)
    parser.parse()


def of(kind):
    return [fields for name, fields in kept.records if name == kind]


wanted = records(sys.argv[2])
order = [name for name, _ in kept.records]
assert order[:2] == ["Far", "Mir"] and order[-1] == "Mrr", order
assert of("Mir")[0]["JOB_NAM"] == wanted[0]["procedure_id"] and of("Mir")[0]["USER_TXT"] == "SIMULATED"
assert [part["PART_ID"] for part in of("Prr")] == [record["unit_under_test"]["serial_number"] for record in wanted]
assert [part["HARD_BIN"] for part in of("Prr")] == [{"PASS": 1, "FAIL": 2}[record["outcome"]] for record in wanted]
assert [part["PART_FLG"] for part in of("Prr")] == [{"PASS": 0, "FAIL": 8}[record["outcome"]] for record in wanted]
tests = of("Ptr")
for test, (step, taken) in zip(tests, [one for record in wanted for one in measured(record)], strict=True):
    assert test["TEST_TXT"] == f"{step['name']}: {taken['name']}", test
    assert test["RESULT"] == single(taken["value"]) and test["UNITS"] == taken["unit"], test
    assert (test["LO_LIMIT"], test["HI_LIMIT"]) == (single(taken["limit_low"]), single(taken["limit_high"])), test
    assert test["TEST_FLG"] == {"PASS": 0, "FAIL": 0x80}[taken["outcome"]], test
    assert test["OPT_FLAG"] & 0xC0 == 0 and test["PARM_FLG"] & 0xC0 == 0xC0, test
assert len({test["TEST_NUM"] for test in tests}) == 2
for synopsis in of("Tsr"):
    mine = [test for test in tests if test["TEST_NUM"] == synopsis["TEST_NUM"]]
    assert synopsis["EXEC_CNT"] == len(mine), synopsis
    assert synopsis["FAIL_CNT"] == sum(bool(test["TEST_FLG"] & 0x80) for test in mine), synopsis
    assert synopsis["TEST_MIN"] == min(test["RESULT"] for test in mine), synopsis
assert of("Pcr")[0]["PART_CNT"] == len(wanted) and of("Pcr")[0]["GOOD_CNT"] == 1
assert [(bin["HBIN_NUM"], bin["HBIN_CNT"]) for bin in of("Hbr")] == [(1, 1), (2, 1)]
print("agrees", len(tests))
