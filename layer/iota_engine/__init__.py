"""The Python side of iota: runs detection rules on CloudTrail records for the Rust process.

Input and output are the frames of docs/engine-protocol.md (`serve`) and rule folders (`compile`).
This file only names the versions, so that importing it costs nothing.
"""

ENGINE_VERSION = "0.1.0"
PROTOCOL = 1
