"""Semi-ATE's STDF library reads an export: python export_stdf_semi_ate.py FILE STORE"""
import struct
import sys

from Semi_ATE.STDF import records_from_file

from records import measured, records


def single(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


found = list(records_from_file(sys.argv[1], unpack=True))
wanted = records(sys.argv[2])
assert [found[0].id, found[1].id, found[-1].id] == ["FAR", "MIR", "MRR"], [record.id for record in found]
parts = [record for record in found if record.id == "PRR"]
assert [part.get_value("PART_ID") for part in parts] == [record["unit_under_test"]["serial_number"] for record in wanted]
assert [part.get_value("SOFT_BIN") for part in parts] == [{"PASS": 1, "FAIL": 2}[record["outcome"]] for record in wanted]
tests = [record for record in found if record.id == "PTR"]
for test, (step, taken) in zip(tests, [one for record in wanted for one in measured(record)], strict=True):
    assert test.get_value("TEST_TXT") == f"{step['name']}: {taken['name']}", test
    assert test.get_value("RESULT") == single(taken["value"]) and test.get_value("UNITS") == taken["unit"], test
    assert test.get_value("LO_LIMIT") == single(taken["limit_low"]), test
    assert test.get_value("HI_LIMIT") == single(taken["limit_high"]), test
    failed = test.get_value("TEST_FLG")[0]
    assert failed in ("1", 1) if taken["outcome"] == "FAIL" else failed in ("0", 0), test
print("agrees", len(tests))
