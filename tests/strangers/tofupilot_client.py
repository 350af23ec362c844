"""The official TofuPilot client, unchanged, against a server: both of its APIs, with an attachment each.

usage: tofupilot_client.py URL FILE
"""

import os
import sys
from datetime import datetime, timedelta, timezone

url, file = sys.argv[1:]
os.environ["DISABLE_TELEMETRY"] = "true"
os.environ["TOFUPILOT_API_KEY"] = "demo"

from tofupilot import TofuPilotClient
from tofupilot.v2 import TofuPilot

began = datetime(2026, 3, 4, 5, 6, 7, 123456, tzinfo=timezone.utc)

v2 = TofuPilot(api_key="demo", server_url=url + "/api")
reference = dict(
    outcome="PASS",
    procedure_id="550e8400-e29b-41d4-a716-446655440000",
    started_at=began,
    ended_at=began + timedelta(seconds=1),
    serial_number="SN-V2",
    client_run_ref="ref-1",
)
first = v2.runs.create(**reference).id
again = v2.runs.create(**reference).id
print("v2", "once" if first == again else "twice")
attachment = v2.runs.attachments.upload(id=first, file=file)
print("v2 attachment", "there" if attachment else "missing")

v1 = TofuPilotClient(api_key="demo", url=url)
made = v1.create_run(
    procedure_id="FVT1",
    unit_under_test={"serial_number": "SN-V1", "part_number": "PCB"},
    run_passed=True,
    attachments=[file],
)
print("v1", "made" if made.get("success", True) and made.get("id") else made)
