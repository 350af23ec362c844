# The usual script: requests.post for each pending file, then move it.
import os, shutil, sys

import requests

root, url = sys.argv[1:]
pending, synced = os.path.join(root, "pending"), os.path.join(root, "done")
os.makedirs(synced, exist_ok=True)
for filename in sorted(os.listdir(pending)):
    filepath = os.path.join(pending, filename)
    with open(filepath, "rb") as f:
        body = f.read()
    requests.post(url + "/api/v2/runs", data=body, headers={"Content-Type": "application/json"}).raise_for_status()
    shutil.move(filepath, os.path.join(synced, filename))
