"""pyWATS, a library for WATS, reads an export of one run: python export_wsjf.py FILE STORE"""
import json
import sys

from pywats.domains.report.report_models import UUTReport

from records import number, records



def word(member):
    """An enumeration's member, or what it was written as."""
    return getattr(member, "value", member)


report = UUTReport.model_validate(json.load(open(sys.argv[1], encoding="utf-8")))
[record] = [one for one in records(sys.argv[2]) if one["run_id"] == str(report.id)]
unit = record["unit_under_test"]
assert (report.sn, report.pn) == (unit["serial_number"], unit["part_number"]), report
assert word(report.result) == {"PASS": "P", "FAIL": "F"}[record["outcome"]], report.result
assert report.process_code == 10 and report.station_name == record["station"]["id"], report
assert report.info.exec_time == record["duration_s"], report.info
assert report.start_utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ") == record["started_at"], report.start_utc
groups = {"setup": "S", "main": "M", "teardown": "C"}
assert len(report.root.steps) == len(record["steps"])
operators = {(True, True): "GELE", (True, False): "GE", (False, True): "LE", (False, False): None}
for found, step in zip(report.root.steps, record["steps"]):
    assert (found.name, found.group) == (step["name"], groups[step["section"]]), found
    assert word(found.status) == {"PASS": "P", "FAIL": "F"}[step["outcome"]], found
    # a step that measured things of several kinds is a sequence of them
    parts = getattr(found, "steps", None) or [found]
    taken = {one.name: one for part in parts for one in getattr(part, "measurements", None) or []}
    assert len(taken) == len(step["measurements"]), found
    for wanted in step["measurements"]:
        one = taken[wanted["name"]]
        assert word(one.status) == {"PASS": "P", "FAIL": "F", "UNSET": "P"}[wanted["outcome"]], one
        if number(wanted["value"]) is None:
            assert getattr(one, "value", None) in (wanted["value"], None), one
            continue
        assert (one.value, one.unit) == (wanted["value"], wanted["unit"]), one
        low, high = wanted["limit_low"], wanted["limit_high"]
        operator = operators[low is not None, high is not None]
        if operator:
            assert word(one.comp_op) == operator, one
            bounds = {"GELE": (low, high), "GE": (low, None), "LE": (high, None)}[operator]
            assert (one.low_limit, one.high_limit) == bounds, one
        if operator != "LE":
            # the library's own comparison agrees with the record; with LE it looks at the limit that WATS leaves empty
            assert one.calculate_status() == word(one.status), one
print("agrees", report.sn)
