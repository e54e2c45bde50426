"""A long link on one machine: one big file, and many small ones."""
import contextlib
import os
import shutil
import subprocess
import tempfile

from tools import HERE, Work
from transfers import MB, median, rounds

NETLAB = os.path.join(os.path.dirname(HERE), "netlab", "netlab.sh")


@contextlib.contextmanager
def netlab(loss):
    """A link of 1 Gbit/s with 100 ms of round trip; -> the prefixes of both sides, or None where it can't be had."""
    env = dict(os.environ, NETLAB_A="hb-a", NETLAB_B="hb-b", NETLAB_NET="10.78.0", NETLAB_RUN=tempfile.mkdtemp(prefix="netlab-"))
    lab = lambda *a: subprocess.run([NETLAB, *a], env=env, capture_output=True, text=True)
    up = lab("up", "--rate", "1gbit", "--delay", "50ms", *(["--loss", loss] if loss else []))
    try:
        yield (["ip", "netns", "exec", "hb-a"], ["ip", "netns", "exec", "hb-b"]) if up.returncode == 0 else None
    finally:
        lab("down")
        shutil.rmtree(env["NETLAB_RUN"], ignore_errors=True)


@contextlib.contextmanager
def far_origin(b, name, loss=""):
    """b's tools on one side of the link, its files on the other, where NAME is one; -> False where there is no link."""
    with netlab(loss) as ends:
        if not ends:
            print("\nlong link: skipped, no network namespaces or no /dev/net/tun here")
            yield False
            return
        b.tools.prefix = ends[0]
        server = b.origin.another("10.78.0.2", ends[1])
        subprocess.run([*ends[0], "curl", "-s", "--retry", "30", "--retry-connrefused", "--retry-delay", "1", "-r", "0-0", "-o", "/dev/null",
                        "http://10.78.0.2:8080/" + name], check=True)
        try:
            yield True
        finally:
            b.tools.prefix = []
            server.terminate()
            server.wait()


def link(b):
    rows, size = [], 256 << 20
    b.origin.need("far", size)
    for loss in ("", "0.5%"):
        with far_origin(b, "far", loss) as there:
            if not there:
                return
            names = ["haul --private"] + b.tools.there(["aria2c", "axel"])[1:]
            work = Work([("http://10.78.0.2:8080/far", "far", size)], 16)
            got = rounds(b, "link", names, b.few_rounds, b.tmp, work, b.origin.sums)
        speed = lambda t: size / median(got, t, "wall") / MB
        rows += [[t, loss or "0", "%.1f" % speed(t), "%.2f" % median(got, t, "wall")] for t in got]
        b.report.goal("100 ms round trip, loss %s, 16 connections, MB/s" % (loss or "0"), 1.2 * speed("aria2c"), speed("haul --private"), least=True,
                      peers=[(t, speed(t)) for t in got if t != "haul --private"])
    b.report.table("256 MiB over 100 ms of round trip and 1 Gbit/s, 16 connections", ["", "loss", "MB/s", "s"], rows)


def far_files(b):
    """Over HTTPS, so that curl can be asked for HTTP/2: whether that is what such a link needs."""
    count, size, rows = 2000, 16384, []
    names = ["f%d/%05d" % (size, i) for i in range(count)]
    for n in names:
        b.origin.need(n, size)
    sums = {os.path.basename(n): b.origin.sums[n] for n in names}
    files = [("https://10.78.0.2:8443/" + n, os.path.basename(n), size) for n in names]
    with far_origin(b, names[0]) as there:
        if not there:
            return
        for at_once in (16, 64, 256):
            peers = ["curl", "curl --http2"] + (["aria2c", "wget2"] if at_once == 16 else [])
            tools = ["haul --private"] + b.tools.there(peers)[1:]
            got = rounds(b, "far_files", tools, 1 if at_once == 16 else b.few_rounds, b.tmp, Work(files, at_once=at_once), sums)
            rows += [[t, at_once, "%.0f" % (count / median(got, t, "wall")), "%.2f" % median(got, t, "cpu")] for t in got]
    b.report.table("2,000 files of 16 KiB, https, over 100 ms of round trip and 1 Gbit/s", ["", "at a time", "files/s", "CPU s"], rows)
