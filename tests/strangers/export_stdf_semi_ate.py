"""Semi-ATE's STDF library reads an export: python export_stdf_semi_ate.py FILE STORE"""
import sys

from Semi_ATE.STDF import records_from_file

from records import measured, number, records, single


found = list(records_from_file(sys.argv[1], unpack=True))
wanted = records(sys.argv[2])
assert [found[0].id, found[1].id, found[-1].id] == ["FAR", "MIR", "MRR"], [record.id for record in found]
parts = [record for record in found if record.id == "PRR"]
assert [part.get_value("PART_ID") for part in parts] == [record["unit_under_test"]["serial_number"] for record in wanted]
assert [part.get_value("SOFT_BIN") for part in parts] == [{"PASS": 1, "FAIL": 2}[record["outcome"]] for record in wanted]
numbers = [one for record in wanted for one in measured(record) if number(one[1]["value"]) is not None]
tests = [record for record in found if record.id == "PTR"]
for test, (step, taken) in zip(tests, numbers, strict=True):
    assert test.get_value("TEST_TXT") == f"{step['name']}: {taken['name']}", test
    assert test.get_value("RESULT") == single(taken["value"]), test
    for limit, bound in (("LO_LIMIT", taken["limit_low"]), ("HI_LIMIT", taken["limit_high"])):
        assert bound is None or test.get_value(limit) == single(bound), test
    if taken["unit"].isascii():
        assert test.get_value("UNITS") == taken["unit"], test
    failed = test.get_value("TEST_FLG")[0]
    assert failed in ("1", 1) if taken["outcome"] == "FAIL" else failed in ("0", 0), test
print("agrees", len(tests))
