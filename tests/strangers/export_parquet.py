"""DuckDB reads an export: python export_parquet.py FILE STORE"""
import sys

import duckdb

from records import measured, number, records, text

relation = duckdb.connect().read_parquet(sys.argv[1])
types = dict(zip(relation.columns, map(str, relation.types)))
for name, wanted in {
    "run_id": "VARCHAR",
    "sequence": "BIGINT",
    "value": "DOUBLE",
    "value_text": "VARCHAR",
    "simulated": "BOOLEAN",
    "decides": "BOOLEAN",
    "limit_low": "DOUBLE",
    "started_at": "TIMESTAMP WITH TIME ZONE",
    "taken_at": "TIMESTAMP WITH TIME ZONE",
}.items():
    assert types[name] == wanted, (name, types[name])
columns = "sequence, step, measurement, outcome, value, value_text, unit, limit_low, limit_high, run_outcome, simulated, " \
    "strftime(started_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
rows = relation.query("runs", f"select {columns} from runs").fetchall()
wanted = [
    (
        record["sequence"], step["name"], taken["name"], taken["outcome"], number(taken["value"]), text(taken["value"]),
        taken["unit"], taken["limit_low"], taken["limit_high"], record["outcome"], record["simulated"], record["started_at"],
    )
    for record in records(sys.argv[2])
    for step, taken in measured(record)
]
rows = [(*row[:5], row[5] if row[4] is None else float(row[5]), *row[6:]) for row in rows]
assert rows == wanted, (rows, wanted)
means = relation.query("runs", "select measurement, avg(value) from runs group by all").fetchall()
assert len(means) == len({row[2] for row in wanted}), means
print("agrees", len(rows))
