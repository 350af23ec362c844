"""Python's csv module reads an export: python export_csv.py FILE STORE"""
import csv
import sys

from records import measured, number, records, text

with open(sys.argv[1], newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file, strict=True))
wanted = [(record, step, taken) for record in records(sys.argv[2]) for step, taken in measured(record)]
assert len(rows) == len(wanted), (len(rows), len(wanted))


def said(cell):
    return float(cell) if cell else None


for row, (record, step, taken) in zip(rows, wanted):
    assert row["serial_number"] == record["unit_under_test"]["serial_number"], row
    assert row["run_outcome"] == record["outcome"] and row["step"] == step["name"], row
    assert row["measurement"] == taken["name"] and row["outcome"] == taken["outcome"], row
    assert said(row["value"]) == number(taken["value"]), row
    if number(taken["value"]) is None:
        assert row["value_text"] == text(taken["value"]), row
    else:
        assert float(row["value_text"]) == taken["value"], row
    assert said(row["limit_low"]) == taken["limit_low"] and said(row["limit_high"]) == taken["limit_high"], row
    assert row["unit"] == taken["unit"] and row["started_at"] == record["started_at"], row
print("agrees", len(rows))
