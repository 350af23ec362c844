# TofuPilot's own guide to offline sync: create_run for each pending file, then move it. Its `steps` are left out: every
# published client that was tried refuses them in that form.
import json, logging, os, shutil, sys

import tofupilot

root, url = sys.argv[1:]
client = tofupilot.TofuPilotClient(api_key="k", url=url)
logging.disable(logging.CRITICAL)
pending, synced = os.path.join(root, "pending"), os.path.join(root, "done")
os.makedirs(synced, exist_ok=True)
for filename in sorted(os.listdir(pending)):
    filepath = os.path.join(pending, filename)
    with open(filepath) as f:
        result = json.load(f)
    client.create_run(
        procedure_id=result["procedure_id"],
        unit_under_test={"serial_number": result["unit_under_test"]["serial_number"]},
        run_passed=result["run_passed"],
    )
    shutil.move(filepath, os.path.join(synced, filename))
