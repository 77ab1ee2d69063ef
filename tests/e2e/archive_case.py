"""What tests of `strongroom archive` share: trees with one of everything, and a Strongroom with a key."""

import hashlib
import os
import random
import signal
import socket
import stat
import subprocess
import time
import unittest

from deployment import BIN, Deployment


MIB = 1 << 20
HOLES, SMALLEST_HOLE = 50000, 64 << 10  # as src/archive/file_regions.h has them


def blob(size, seed):
    return random.Random(seed).randbytes(size)


def make_tree(root):
    """One of everything that a file system has."""
    root.mkdir()
    (root / "empty").write_bytes(b"")
    (root / "small").write_bytes(b"a few bytes\n")
    (root / "big").write_bytes(blob(70 * MIB + 17, 1))
    (root / "a").mkdir()
    (root / "a" / "deep").mkdir()
    (root / "a" / "deep" / "file").write_bytes(blob(100_000, 2))
    (root / "a.b").write_bytes(b"sorts before a/ in other orders")
    with open(root / "sparse", "wb") as file:
        file.seek(5 * MIB)
        file.write(b"island")
        file.truncate(300 * MIB)
    (root / "all-hole").touch()
    os.truncate(root / "all-hole", 10 * MIB)
    os.symlink("../somewhere/else", root / "link")
    os.symlink("/etc/passwd", root / "absolute")
    os.link(root / "small", root / "a" / "second-name")
    os.mkfifo(root / "fifo", 0o640)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    os.mkdir(os.fsencode(root) + b"/not-utf8-\xff\xfe\n")
    with open(os.fsencode(root) + b"/not-utf8-\xff\xfe\n/\x01 \\ %41", "wb") as file:
        file.write(b"odd name")
    for i in range(300):
        (root / "a" / f"n{i:03}").write_bytes(blob(i * 37, i))
    os.chmod(root / "small", 0o4751)
    os.chmod(root / "a" / "deep", 0o1750)
    (root / "closed").mkdir()
    (root / "closed" / "in").write_text("x")
    if os.geteuid() == 0:
        os.mknod(root / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.chown(root / "big", 12345, 23456)
        os.chown(root / "link", 321, 123, follow_symlinks=False)
    try:
        os.setxattr(root / "big", "user.note", b"\0binary\xff")
        os.setxattr(root / "a", "user.dir", b"d")
    except OSError:
        pass  # a file system without them
    os.utime(root / "big", ns=(1, 987_654_321_123_456_789))
    os.utime(root / "link", ns=(1, 1_000_000_000_000_000_007), follow_symlinks=False)
    os.utime(root / "a" / "deep", ns=(1, 1_500_000_000_123_456_789))
    os.chmod(root / "closed", 0o500)
    os.utime(root, ns=(1, 1_400_000_000_000_000_001))


def described(root):
    """All that must come back, by path."""
    root = os.fsencode(root)
    found = {}
    names = {}
    for directory, below, files in os.walk(root):
        for name in [b""] + sorted(below) + sorted(files) if directory == root else sorted(below) + sorted(files):
            path = os.path.join(directory, name) if name else directory
            facts = os.lstat(path)
            content = None
            if stat.S_ISREG(facts.st_mode):
                with open(path, "rb") as file:
                    content = (facts.st_size, hashlib.file_digest(file, "sha256").hexdigest())
            elif stat.S_ISLNK(facts.st_mode):
                content = os.readlink(path)
            try:
                attributes = {key: os.getxattr(path, key, follow_symlinks=False)
                              for key in os.listxattr(path, follow_symlinks=False)}
            except OSError:
                attributes = None
            link = names.setdefault((facts.st_dev, facts.st_ino), os.path.relpath(path, root))
            found[os.path.relpath(path, root)] = (facts.st_mode, facts.st_uid, facts.st_gid, facts.st_mtime_ns,
                                                  facts.st_rdev, content, attributes, link)
    return found


class ArchiveCase(unittest.TestCase):
    """A Strongroom with a key, and a directory for each test."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.root = cls.d.root
        cls.d.environment.update(HOME=str(cls.root), XDG_CONFIG_HOME=f"{cls.root}/config", XDG_STATE_HOME=f"{cls.root}/state",
                                 TMPDIR=str(cls.root))
        cls.key = cls.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        cls.d.ok("kms", "create-alias", "--alias-name", "alias/tests", "--target-key-id", cls.key)
        cls.serial = 0

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def setUp(self):
        type(self).serial += 1
        self.place = self.root / f"t{self.serial}"
        self.place.mkdir()

    def archive(self, *arguments, stdin=None, environment=None):
        done = subprocess.run([BIN / "strongroom", "archive", *map(os.fspath, arguments)], input=stdin, capture_output=True,
                              env={**self.d.environment, **(environment or {})}, cwd=self.place, timeout=300)
        return done

    def ok(self, *arguments, **more):
        done = self.archive(*arguments, **more)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout

    def fails(self, status, *words_and_arguments, words=(), **more):
        done = self.archive(*words_and_arguments, **more)
        text = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, text)
        for word in words:
            self.assertIn(word, text)
        return done

    def location(self, *more, key="alias/tests"):
        name = f"loc{self.serial}"
        self.ok("location", "add", name, self.place / "store", "--kms-key-id", key, *more)
        return name

    def objects(self, snapshot):
        return sorted((self.place / "store" / "snapshots" / snapshot / "data").iterdir())

    def sent(self, name):
        """How many objects of a snapshot are there."""
        data = self.place / "store" / "snapshots" / name / "data"
        return len(list(data.iterdir())) if data.exists() else 0

    def begun(self, tree, location, name, least, *more, state=None, after=signal.SIGKILL):
        """A put that is killed or stopped once it has sent some objects of 1 MiB."""
        environment = {**self.d.environment, **({"XDG_STATE_HOME": str(state)} if state else {})}
        for _ in range(10):
            process = subprocess.Popen([BIN / "strongroom", "archive", "put", location, tree, "--name", name, "--object-size", "1",
                                        *more], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            while process.poll() is None and self.sent(name) < least:
                time.sleep(0.002)
            process.send_signal(after)
            if after == signal.SIGKILL:
                process.wait()
            if process.poll() in (None, -signal.SIGKILL):
                if after == signal.SIGKILL:
                    process.stderr.close()
                return process
            said = process.stderr.read()
            process.stderr.close()
            self.assertEqual(process.returncode, 0, said)
            self.ok("delete", location, name)  # it was quicker than the test
        self.fail("each put was quicker than the test")
