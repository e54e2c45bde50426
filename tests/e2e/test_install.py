"""make install: what was built, and nothing else, into DESTDIR; the source tree stays as it is."""
import os
import shutil
import subprocess

from conftest import BUILD, TESTS

TREE = os.path.dirname(TESTS)
FILES = {"bin/hauld": 0o755, "bin/haul": 0o755, "share/man/man1/hauld.1": 0o644, "share/man/man1/haul.1": 0o644,
         "share/bash-completion/completions/haul": 0o644, "lib/systemd/system/hauld.service": 0o644,
         "lib/systemd/system/hauld.socket": 0o644, "lib/sysusers.d/hauld.conf": 0o644}


def snapshot(tree):
    """Of every file and folder: what it is, and when it was changed."""
    paths = [os.path.join(root, name) for root, folders, files in os.walk(tree) for name in folders + files]
    return {p: (s.st_mode, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for p in [tree, *paths] for s in [os.lstat(p)]}


def source_copy(to):
    """The sources as a packager has them: no repository, nobody may write. Times stay, so that what is built is not built again."""
    for name in ("daemon", "rpc", "client", "docs", "systemd"):
        shutil.copytree(os.path.join(TREE, name), to / name)
    shutil.copy2(os.path.join(TREE, "Makefile"), to / "Makefile")
    for root, folders, files in os.walk(to, topdown=False):
        for name in files:
            os.chmod(os.path.join(root, name), 0o444)
        os.chmod(root, 0o555)


def make(tree, *args):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "WERROR"))}
    return subprocess.run(["make", "--no-print-directory", "-C", tree, "BUILD=" + os.path.abspath(BUILD), *args], env=env, capture_output=True,
                          text=True, timeout=600)


def test_install_from_a_read_only_tree(tmp_path):
    tree, dest = tmp_path / "src", tmp_path / "dest"
    tree.mkdir()
    source_copy(tree)
    before = snapshot(tree)
    r = make(tree, "install", "DESTDIR=%s" % dest, "PREFIX=/usr")
    assert r.returncode == 0, r.stdout + r.stderr
    assert snapshot(tree) == before
    found = {os.path.relpath(os.path.join(root, f), dest) for root, _, files in os.walk(dest) for f in files}
    assert found == {"usr/" + f for f in FILES} | {"etc/haul/hauld.conf"}
    for name, mode in FILES.items():
        assert os.stat(dest / "usr" / name).st_mode & 0o777 == mode, name
    assert ".TH" in (dest / "usr/share/man/man1/haul.1").read_text()
    assert "/usr/bin/hauld" in (dest / "usr/lib/systemd/system/hauld.service").read_text()
    (dest / "etc/haul/hauld.conf").write_text("split=3\n")
    assert make(tree, "install", "DESTDIR=%s" % dest, "PREFIX=/usr").returncode == 0
    assert (dest / "etc/haul/hauld.conf").read_text() == "split=3\n"
    subprocess.run(["chmod", "-R", "u+w", str(tree)], check=True)


def test_warnings_are_errors_for_us_alone(tmp_path):
    """In a checkout and in every test target, not for a packager."""
    tree = tmp_path / "src"
    tree.mkdir()
    source_copy(tree)

    def flags(*args):
        r = make(tree, "-n", "BUILD=%s" % (tmp_path / "new"), *args)
        assert "-Wextra" in r.stdout, r.stdout + r.stderr
        return "-Werror" in r.stdout
    os.chmod(tree, 0o755)
    assert not flags("all")
    assert flags("all", "WERROR=1")
    assert flags("lint")
    (tree / ".git").write_text("gitdir: elsewhere\n")
    assert flags("all") and not flags("all", "WERROR=")
    subprocess.run(["chmod", "-R", "u+w", str(tree)], check=True)
