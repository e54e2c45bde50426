"""paced.c, an origin that gives each connection an even rate: compiled, started, asked and stopped."""
import os
import shutil
import subprocess
import tempfile
import urllib.request

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "paced.c")


class Paced:
    """Serves the files of `folder` until stop(), or while a `with` lasts. rates: bytes a second for each connection, and more; see
    paced.c."""

    def __init__(self, folder, *rates):
        self.tmp = tempfile.mkdtemp(prefix="paced-")
        program = os.path.join(self.tmp, "paced")
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE],
                       check=True)
        self.p = subprocess.Popen([program, folder, *map(str, rates)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base = "http://127.0.0.1:%d" % int(self.p.stdout.readline())

    def told(self):
        with urllib.request.urlopen(self.base + "/", timeout=60) as f:
            return [int(n) for n in f.read().split()]

    def sent(self):
        """Bytes of files that have left so far."""
        return self.told()[0]

    def refused(self):
        """Requests beyond the limit so far."""
        return self.told()[1]

    def stop(self):
        self.p.stdin.close()
        self.p.wait()
        self.p.stdout.close()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
