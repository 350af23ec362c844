"""lxml reads an export: python export_atml.py FILE STORE"""
import sys

from lxml import etree

from records import measured, number, records, text

names = {
    "trc": "urn:IEEE-1636.1:2013:TestResultsCollection",
    "tr": "urn:IEEE-1636.1:2013:TestResults",
    "c": "urn:IEEE-1671:2010:Common",
}
root = etree.parse(sys.argv[1]).getroot()
found = root.xpath("/trc:TestResultsCollection/trc:TestResults", namespaces=names)
wanted = records(sys.argv[2])
assert [one.get("uuid") for one in found] == [record["run_id"] for record in wanted]
outcomes = {"PASS": "Passed", "FAIL": "Failed", "UNSET": ""}
ids = root.xpath("//@ID[not(parent::tr:SystemOperator)]", namespaces=names)
assert len(ids) == len(set(ids))
for results, record in zip(found, wanted):
    def at(path, of=results):
        return of.xpath(path, namespaces=names)

    assert at("string(tr:UUT/c:SerialNumber)") == record["unit_under_test"]["serial_number"]
    assert at("string(tr:UUT/c:Definition/c:Identification//@number)") == record["unit_under_test"]["part_number"]
    assert at("string(tr:ResultSet/tr:Outcome/@value)") == outcomes[record["outcome"]]
    tests = at("tr:ResultSet/tr:Test")
    assert [test.get("name") for test in tests] == [step["name"] for step in record["steps"]]
    assert [at("string(tr:Outcome/@value)", test) for test in tests] == [outcomes[step["outcome"]] for step in record["steps"]]
    taken = at("tr:ResultSet/tr:Test/tr:TestResult")
    for one, (step, measurement) in zip(taken, measured(record), strict=True):
        assert one.get("name") == measurement["name"]
        assert at("string(tr:Outcome/@value)", one) == outcomes[measurement["outcome"]]
        [datum] = at("tr:TestData/c:Datum", one)
        value = number(measurement["value"])
        if value is None:
            assert at("string(@value | c:Value)", datum) == text(measurement["value"])
            continue
        assert (float(datum.get("value")), datum.get("nonStandardUnit", "")) == (value, measurement["unit"])
        found_limits = at(".//c:LimitPair/c:Limit | .//c:SingleLimit", one)
        limits = {limit.get("comparator"): float(at("string(c:Datum/@value)", limit)) for limit in found_limits}
        bounds = {"GE": measurement["limit_low"], "LE": measurement["limit_high"]}
        assert limits == {name: bound for name, bound in bounds.items() if bound is not None}, limits
print("agrees", len(found))
