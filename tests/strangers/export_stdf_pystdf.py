"""pystdf reads an export: python export_stdf_pystdf.py FILE STORE"""
import sys

from pystdf.IO import Parser

from records import measured, number, records, single, text


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
every = [(record, step, taken) for record in wanted for step, taken in measured(record)]
flags = {"PASS": 0, "FAIL": 0x80, "UNSET": 0x40}
tests = of("Ptr")
for test, (record, step, taken) in zip(tests, [one for one in every if number(one[2]["value"]) is not None], strict=True):
    assert test["TEST_TXT"] == f"{step['name']}: {taken['name']}", test
    assert test["RESULT"] == single(taken["value"]), test
    if taken["unit"].isascii():
        assert test["UNITS"] == taken["unit"], test
    for limit, bit, bound in (("LO_LIMIT", 0x40, taken["limit_low"]), ("HI_LIMIT", 0x80, taken["limit_high"])):
        assert bool(test["OPT_FLAG"] & bit) == (bound is None), test
        assert bound is None or test[limit] == single(bound), test
    assert test["TEST_FLG"] == flags[taken["outcome"]] and test["PARM_FLG"] & 0xC0 == 0xC0, test
texts = of("Ftr")
for test, (record, step, taken) in zip(texts, [one for one in every if number(one[2]["value"]) is None], strict=True):
    assert test["TEST_TXT"] == f"{step['name']}: {taken['name']}" and test["RSLT_TXT"] == text(taken["value"]), test
    assert test["TEST_FLG"] == flags[taken["outcome"]], test
assert len({test["TEST_NUM"] for test in tests + texts}) == len({(step["name"], taken["name"]) for _, step, taken in every})
for synopsis in of("Tsr"):
    mine = [test for test in tests + texts if test["TEST_NUM"] == synopsis["TEST_NUM"]]
    assert synopsis["EXEC_CNT"] == len(mine), synopsis
    assert synopsis["FAIL_CNT"] == sum(bool(test["TEST_FLG"] & 0x80) for test in mine), synopsis
    if synopsis["TEST_TYP"] == "P":
        assert synopsis["TEST_MIN"] == min(test["RESULT"] for test in mine), synopsis
assert of("Pcr")[0]["PART_CNT"] == len(wanted) and of("Pcr")[0]["GOOD_CNT"] == sum(record["run_passed"] for record in wanted)
assert sum(bin["HBIN_CNT"] for bin in of("Hbr")) == len(wanted)
print("agrees", len(tests))
