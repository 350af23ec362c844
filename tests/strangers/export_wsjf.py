"""pyWATS, a library for WATS, reads an export of one run: python export_wsjf.py FILE STORE"""
import json
import sys

from pywats.domains.report.report_models import UUTReport

from records import records



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
for found, step in zip(report.root.steps, record["steps"]):
    assert (found.name, found.group) == (step["name"], groups[step["section"]]), found
    assert word(found.status) == {"PASS": "P", "FAIL": "F"}[step["outcome"]], found
    taken = getattr(found, "measurements", None) or []
    assert len(taken) == len(step["measurements"]), found
    for one, wanted in zip(taken, step["measurements"]):
        assert (one.name, one.value, one.unit) == (wanted["name"], wanted["value"], wanted["unit"]), one
        assert word(one.comp_op) == "GELE", one
        assert (one.low_limit, one.high_limit) == (wanted["limit_low"], wanted["limit_high"]), one
        assert word(one.status) == {"PASS": "P", "FAIL": "F"}[wanted["outcome"]], one
        # the library's own comparison agrees with the record
        assert one.calculate_status() == word(one.status), one
print("agrees", report.sn)
