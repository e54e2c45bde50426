"""A program on a terminal of its own, and what a person would see there."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
import unicodedata

_CSI = re.compile(r"\x1b\[(\?)?([0-9;]*)([A-Za-z])")


def columns(c):
    return 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1


class Screen:
    """The part of a terminal that haul uses. An unknown sequence is an error, a character beyond the last column sets `wrapped`."""

    def __init__(self, cols, rows):
        self.cols, self.rows = cols, rows
        self.main, self.alternate = [""], None
        self.x = self.y = 0
        self.wrapped = False
        self.cursor = True
        self.rest = ""

    @property
    def lines(self):
        return self.main if self.alternate is None else self.alternate

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")

    def _put(self, c):
        if self.x + columns(c) > self.cols:
            self.wrapped = True
            self.x, self.y = 0, self.y + 1
        while len(self.lines) <= self.y:
            self.lines.append("")
        line = self.lines[self.y].ljust(self.x)
        self.lines[self.y] = line[:self.x] + c + line[self.x + 1:]
        self.x += 1  # a wide character counts once here: lines are compared as text

    def _sequence(self, private, args, end):
        n = int(args.split(";")[0] or 0) if args else 0
        if end == "m":
            return
        if private:
            if (args, end) == ("25", "h") or (args, end) == ("25", "l"):
                self.cursor = end == "h"
            elif args == "1049":
                self.alternate = [""] if end == "h" else None
                self.x, self.y = (0, 0) if end == "h" else (0, len(self.main) - 1)
            else:
                raise AssertionError("unknown mode ?%s%s" % (args, end))
        elif end == "A":
            self.y = max(0, self.y - (n or 1))
        elif end == "H":
            row, _, col = args.partition(";")
            self.y, self.x = int(row or 1) - 1, int(col or 1) - 1
        elif end == "K" and self.y < len(self.lines):
            self.lines[self.y] = "" if n == 2 else self.lines[self.y][:self.x]
        elif end == "J" and n == 0:
            del self.lines[self.y + 1:]
            if self.y < len(self.lines):
                self.lines[self.y] = self.lines[self.y][:self.x]
        elif end not in "KJ":
            raise AssertionError("unknown sequence %s%s" % (args, end))

    def feed(self, text):
        text = self.rest + text
        self.rest = ""
        i = 0
        while i < len(text):
            c = text[i]
            if c == "\x1b":
                m = _CSI.match(text, i)
                if m is None:
                    if len(text) - i < 16:
                        self.rest = text[i:]
                        return
                    raise AssertionError("raw escape: %r" % text[i:i + 16])
                self._sequence(*m.groups())
                i = m.end()
                continue
            if c == "\n":
                self.y += 1
                while len(self.lines) <= self.y:
                    self.lines.append("")
            elif c == "\r":
                self.x = 0
            elif ord(c) >= 32:
                self._put(c)
            else:
                raise AssertionError("raw control character %r" % c)
            i += 1


class Terminal:
    """argv on a new terminal of cols x rows."""

    def __init__(self, argv, cols=80, rows=24, cwd=None, env=None):
        self.screen = Screen(cols, rows)
        self.raw, self.code, self._undecoded = "", None, b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                self._size(0, cols, rows)
                os.chdir(cwd or ".")
                os.execvpe(argv[0], argv, dict(env, TERM="xterm", LC_ALL="C.UTF-8"))
            finally:
                os._exit(127)
        self._size(self.fd, cols, rows)

    @staticmethod
    def _size(fd, cols, rows):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def resize(self, cols, rows):
        self.screen.cols, self.screen.rows = cols, rows
        self._size(self.fd, cols, rows)

    def echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, timeout):
        """Takes in what comes within timeout; False at the end."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: the last process has closed it
            data = b""
        data = self._undecoded + data if data else b""
        text = data.decode("utf-8", "ignore")
        self._undecoded = data[len(text.encode()):] if len(data) - len(text.encode()) < 4 else b""
        self.raw += text
        self.screen.feed(text)
        return bool(data)

    def until(self, what, timeout=30):
        """Until what(screen) is true or the program has ended."""
        end = time.monotonic() + timeout
        while not what(self.screen):
            alive = self.read(0.05)
            if what(self.screen):
                break
            assert alive, "ended before: " + self.screen.text()
            assert time.monotonic() < end, "waited %s s in vain: %s" % (timeout, self.screen.text())
        return self.screen

    def until_text(self, part, timeout=30):
        return self.until(lambda s: part in s.text(), timeout)

    def wait(self, timeout=30):
        """-> the exit code."""
        end = time.monotonic() + timeout
        while self.read(0.1):
            assert time.monotonic() < end, "does not end: " + self.screen.text()
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, "does not end"
            time.sleep(0.005)
        return self.code

    def close(self):
        if self.code is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
