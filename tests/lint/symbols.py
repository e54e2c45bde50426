#!/usr/bin/python3
"""No global name is defined twice in what hauld and haul are made of: which one a program gets would hang on the order in which the
linker takes the members of an archive. main is theirs both. Reads the objects of a build: symbols.py BUILD."""
import glob
import os
import subprocess
import sys

OURS = ("daemon/*.c", "daemon/*/*.c", "rpc/*.c", "client/*.c")


def main(build):
    where, bad = {}, []
    objects = [os.path.join(build, path[:-2] + ".o") for pat in OURS for path in sorted(glob.glob(pat))]
    for line in subprocess.run(["nm", "-A", "-g", "-P", "--defined-only", *objects], capture_output=True, text=True, check=True).stdout.split("\n"):
        place, _, rest = line.partition(": ")
        name = rest.split(" ")[0]
        if name and name != "main":
            where.setdefault(name, []).append(os.path.relpath(place, build))
    if len(where) < 500:
        bad.append(f"only {len(where)} names in {len(objects)} objects of {build}")
    bad += [f"{name} is defined in {' and '.join(places)}" for name, places in sorted(where.items()) if len(places) > 1]
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
