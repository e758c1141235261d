"""Prints as JSON what whisper files hold: {file: {time: value}}.

Reads {"from": time, "until": time, "files": [...]} from standard input. Times
without a value are left out, as are files that do not exist or that carbon is
just making.
"""
import json
import os
import struct
import sys

import whisper

ask = json.load(sys.stdin)
answer = {}
for name in ask["files"]:
    if not os.path.exists(name):
        continue
    try:
        # fetch() leaves out the first time of the range.
        (start, _, step), values = whisper.fetch(name, ask["from"] - 1, ask["until"])
    except (whisper.CorruptWhisperFile, struct.error):
        continue
    answer[name] = {start + i * step: v for i, v in enumerate(values) if v is not None}
json.dump(answer, sys.stdout)
