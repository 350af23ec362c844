"""junitparser reads an export: python export_junit.py FILE STORE"""
import sys

from junitparser import Error, Failure, JUnitXml, Skipped

from records import records

suites = list(JUnitXml.fromfile(sys.argv[1]))
wanted = records(sys.argv[2])
assert len(suites) == len(wanted)
results = {"PASS": (), "FAIL": (Failure,), "SKIP": (Skipped,), "ERROR": (Error,), "TIMEOUT": (Error,), "ABORTED": (Error,)}
for suite, record in zip(suites, wanted):
    cases = list(suite)
    assert suite.tests == len(cases) == len(record["steps"]), suite
    assert suite.failures == sum(step["outcome"] == "FAIL" for step in record["steps"]), suite
    assert suite.errors == 0 and suite.skipped == 0, suite
    properties = {one.name: one.value for one in suite.properties()}
    assert properties["serial_number"] == record["unit_under_test"]["serial_number"], properties
    for case, step in zip(cases, record["steps"]):
        assert case.name == step["name"], case
        assert tuple(type(result) for result in case.result) == results[step["outcome"]], case
        assert abs(case.time - step["duration_s"]) < 0.001, case
        assert all(taken["name"] in case.system_out for taken in step["measurements"]), case
print("agrees", len(suites))
