#!/usr/bin/python3
"""Who may include whom: arrows only point down (docs/architecture.md, "Modules")."""
import glob
import os
import re
import sys

MAY = {  # folder: other folders (or single headers) of ours that it may include
    "daemon/base": [],
    "daemon/ev": ["base"],
    "daemon/net": ["base", "ev"],
    "daemon/disk": ["base", "ev"],
    "daemon/store": ["base", "ev"],
    "daemon/proto": ["base", "ev", "net"],
    "daemon/core": ["base", "ev", "disk", "store", "proto/proto.h", "net/net.h"],
    "rpc": ["base", "ev", "net", "core/engine.h", "core/event.h", "core/job.h"],
    "client": ["base", "rpc/plain_json.h"],
}
NO_LIBRARY = {"daemon/base": ["uv.h", "jansson.h", "sqlite3.h"], "daemon/core": ["jansson.h", "sqlite3.h", "llhttp.h", "openssl/ssl.h"]}


def main():
    bad = []
    for folder, allowed in MAY.items():
        own = folder.split("/")[-1]
        for path in sorted(glob.glob(folder + "/*.[ch]")):
            for n, line in enumerate(open(path, encoding="utf-8"), 1):
                m = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
                if not m:
                    continue
                inc = m.group(2)
                if m.group(1) == "<":
                    if inc in NO_LIBRARY.get(folder, []):
                        bad.append(f"{path}:{n}: {folder} must not know <{inc}>")
                    continue
                where = os.path.dirname(inc) or own
                if where != own and where not in allowed and inc not in allowed:
                    bad.append(f"{path}:{n}: {folder} must not include {inc}")
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
