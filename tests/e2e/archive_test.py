"""`strongroom archive`: trees and streams under keys of a running Strongroom, in a directory; what breaks, and what is said."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

import node_clients
import s3_servers
import stock_aws
from aws_semantics import AwsProxy
from deployment import BIN, Deployment, wait_for
from postgres_test import PostgreSql

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


class ArchiveTest(unittest.TestCase):
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

    # -- what must work -----------------------------------------------------------------------------------------------

    def test_a_tree_of_everything_comes_back(self):
        location = self.location()
        tree = self.place / "tree"
        make_tree(tree)
        before = described(tree)
        report = json.loads(self.ok("put", location, tree, "--name", "one", "--json", "--context", "purpose=test"))
        self.assertEqual(report["problems"], 0)
        self.assertEqual(report["entries"], len(before))
        self.assertEqual(self.ok("list", location), b"one\n")
        listed = [json.loads(line) for line in self.ok("list", location, "one", "--json").splitlines()]
        self.assertEqual(len(listed), len(before))
        self.assertIn("not-utf8-%FF%FE%0A/%01 \\ %2541", [entry["path"] for entry in listed])
        self.assertEqual(self.ok("get", location, "one", "a/deep/file"), (tree / "a" / "deep" / "file").read_bytes())
        self.assertEqual(self.ok("get", location, "one", "a/second-name"), b"a few bytes\n")
        self.assertEqual(self.ok("verify", location, "one")[-21:], b"there and unaltered.\n")
        self.ok("verify", location, "one", "--quick")
        self.ok("restore", location, "one", self.place / "back")
        after = described(self.place / "back")
        self.maxDiff = None
        for path, facts in before.items():
            self.assertEqual(facts, after.get(path), path)
        self.assertEqual(before.keys(), after.keys())
        self.assertLess((self.place / "back" / "sparse").stat().st_blocks * 512, 2 * MIB)
        # A part of it, into another directory.
        self.ok("restore", location, "one", self.place / "part", "a/deep", "small")
        self.assertEqual(sorted(os.listdir(self.place / "part")), ["a", "small"])
        self.assertEqual(os.listdir(self.place / "part" / "a"), ["deep"])
        self.fails(1, "restore", location, "one", self.place / "part", words=["not empty"])
        self.ok("restore", location, "one", self.place / "part", "--overwrite")
        self.assertEqual(described(self.place / "part"), before)
        self.fails(1, "put", location, tree, "--name", "one", words=["already"])
        self.ok("delete", location, "one")
        self.assertEqual(self.ok("list", location), b"")
        self.assertFalse((self.place / "store" / "snapshots" / "one").exists()
                         and any((self.place / "store" / "snapshots" / "one").rglob("*.*")))
        self.fails(1, "delete", location, "one", words=["no snapshot"])

    def test_a_stream_of_a_database(self):
        location = self.location()
        database = PostgreSql()
        self.addCleanup(database.close)
        psql = f"psql -X -qAt -v ON_ERROR_STOP=1 -h {database.root} -U strongroom"
        database.sql("CREATE TABLE t AS SELECT i, md5(i::text) AS m FROM generate_series(1, 5000) AS i")
        database.sql("CREATE DATABASE back")
        self.d.shell(f"pg_dump -h {database.root} -U strongroom -t t postgres | "
                     f"{BIN}/strongroom archive put {location} - --name db --quiet")
        self.fails(2, "restore", location, "db", self.place / "back", words=["stream"])
        self.d.shell(f"{BIN}/strongroom archive get {location} db - --quiet | {psql} back")
        sums = "SELECT count(*), md5(string_agg(m, '' ORDER BY i)) FROM t"
        first, second = (self.d.shell(f'{psql} -c "{sums}" {name}').out for name in ("postgres", "back"))
        self.assertEqual(first, second)
        self.assertTrue(first.startswith("5000|"), first)
        # A reader that goes away is no success.
        self.ok("put", location, "-", "--name", "large", stdin=blob(8 * MIB, 3))
        gone = self.d.script(f"{BIN}/strongroom archive restore {location} large - --quiet | head -c 10 > /dev/null; "
                             "exit ${PIPESTATUS[0]}", strict="-o")
        self.assertEqual(gone.status, 1, gone.err)
        self.assertIn("throw it away", gone.err)
        self.assertEqual(self.ok("restore", location, "large", "-"), blob(8 * MIB, 3))
        self.ok("put", location, "-", "--name", "nothing", stdin=b"")
        self.assertEqual(self.ok("get", location, "nothing", "-"), b"")

    def test_files_that_cannot_be_read_or_vanish_are_reported(self):
        location = self.location()
        tree = self.place / "tree"
        tree.mkdir()
        (tree / "fine").write_text("fine")
        (tree / "grows").write_bytes(b"")
        stop = self.place / "stop"
        writer = subprocess.Popen(["bash", "-c", f"while [ ! -e {stop} ]; do head -c 65536 /dev/zero >> {tree}/grows; done"])
        try:
            while (tree / "grows").stat().st_size < 8 * MIB:
                time.sleep(0.01)

            def seen():
                """Whoever writes may have had no turn while it was read."""
                done = self.archive("put", location, tree, "--name", "one")
                if done.returncode == 0:
                    self.ok("delete", location, "one")
                return done if done.returncode != 0 else None

            done = wait_for("a change while it is read", seen)
            self.assertEqual(done.returncode, 5, done.stderr)
            for words in (b"grows", b"changed while it was read"):
                self.assertIn(words, done.stderr)
        finally:
            stop.touch()
            writer.wait()
        self.assertNotIn(b"fine:", done.stderr)
        self.ok("verify", location, "one")
        self.assertEqual(self.ok("get", location, "one", "fine"), b"fine")
        self.fails(1, "put", location, self.place / "absent", "--name", "two")
        self.fails(2, "put", location, tree, "--name", "a/b", words=["no name"])

    def test_damage_in_the_store_is_found(self):
        location = self.location()
        tree = self.place / "tree"
        tree.mkdir()
        for name in "abc":
            (tree / name).write_bytes(blob(MIB, name))
        self.ok("put", location, tree, "--name", "one", "--object-size", "1")
        self.ok("put", location, tree, "--name", "two", "--object-size", "1")
        objects = self.objects("one")
        self.assertEqual(len(objects), 3)
        whole = {path: path.read_bytes() for path in objects}

        def damaged(change, words, quick):
            change()
            self.fails(1, "verify", location, "one", words=["damaged", *words])
            done = self.archive("verify", location, "one", "--quick")
            self.assertEqual(done.returncode, 1 if quick else 0, done.stderr)
            shutil.rmtree(self.place / "back", ignore_errors=True)
            self.fails(5, "restore", location, "one", self.place / "back", words=["data is damaged"])
            left = list((self.place / "back").iterdir())
            self.assertEqual(len(left), 2, left)
            for path in left:
                self.assertEqual(path.read_bytes(), (tree / path.name).read_bytes())
            for path, content in whole.items():
                path.write_bytes(content)
            self.ok("verify", location, "one")

        first, second = objects[:2]
        flipped = bytearray(whole[first])
        flipped[len(flipped) // 2] ^= 1
        damaged(first.unlink, ["is missing"], True)
        damaged(lambda: first.write_bytes(flipped), ["was altered"], False)
        damaged(lambda: first.write_bytes(whole[first][:-1]), ["was altered"], True)
        damaged(lambda: first.write_bytes(whole[first] + b"x"), ["was altered"], True)
        # Good messages of the same key, in another's place.
        damaged(lambda: first.write_bytes(whole[second]), ["another one than the manifest names"], False)
        other = self.objects("two")[0].read_bytes()
        damaged(lambda: first.write_bytes(other), ["was altered"], False)
        # The manifest: another snapshot's, altered, cut.
        manifest = self.place / "store" / "snapshots" / "one" / "manifest"
        good = manifest.read_bytes()
        manifest.write_bytes((manifest.parents[1] / "two" / "manifest").read_bytes())
        self.fails(1, "verify", location, "one", words=["another one's"])
        for broken in (good[:-1], good[:50], good + b"x", good[:-200] + bytes([good[-200] ^ 1]) + good[-199:]):
            manifest.write_bytes(broken)
            self.fails(1, "verify", location, "one", words=["manifest", "altered"])
        # A data object is no manifest, although its key is right.
        manifest.write_bytes(whole[first])
        self.assertNotEqual(self.archive("verify", location, "one").returncode, 0)
        manifest.write_bytes(good)
        (first.parent / ("0" * 32)).write_bytes(b"nobody's")
        self.assertIn(b"does not name", self.ok("verify", location, "one"))

    def test_two_writers_of_one_name(self):
        location = self.location()
        tree = self.place / "tree"
        tree.mkdir()
        (tree / "file").write_bytes(blob(3 * MIB, 5))
        first = subprocess.Popen([BIN / "strongroom", "archive", "put", location, "-", "--name", "one", "--quiet"],
                                 stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env={**self.d.environment, "XDG_STATE_HOME": f"{self.place}/other"})
        first.stdin.write(blob(40 * MIB, 6))
        first.stdin.flush()
        while not (self.place / "store" / "snapshots" / "one").exists():
            time.sleep(0.05)
        self.assertIn(b"unfinished", self.ok("list", location))
        self.ok("put", location, tree, "--name", "one")
        first.stdin.close()
        self.assertEqual(first.wait(120), 1)
        self.assertIn(b"Somebody else has finished", first.stderr.read())
        first.stderr.close()
        self.ok("verify", location, "one")
        self.assertEqual(json.loads(self.ok("verify", location, "one", "--json"))["unknown"], [])

    def test_a_killed_put_goes_on(self):
        location = self.location()
        tree = self.place / "tree"
        tree.mkdir()
        for i in range(200):
            (tree / f"f{i:03}").write_bytes(blob(20_000 + i, i))
        for i in range(4):
            (tree / f"large{i}").write_bytes(blob(24 * MIB, i + 1000))
        words = ["put", location, tree, "--object-size", "4", "--name"]
        self.ok(*words, "whole")
        whole = len(self.objects("whole"))
        chance = random.Random(7)
        reused = 0
        for round_number in range(6):
            name = f"r{round_number}"
            for _ in range(2):
                so_many = chance.randint(self.sent(name), whole)
                process = subprocess.Popen([BIN / "strongroom", "archive", *words, name], env=self.d.environment,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                while process.poll() is None and self.sent(name) < so_many:
                    time.sleep(0.002)
                process.send_signal(signal.SIGKILL)
                process.wait()
            done = self.archive(*words, name, "--json")
            if done.returncode == 1 and b"already" in done.stderr:
                continue  # it was quicker than the kill
            self.assertEqual(done.returncode, 0, done.stderr)
            report = json.loads(done.stdout)
            reused += report["reused_bytes"]
            self.assertEqual(report["sent_bytes"] + report["reused_bytes"], report["bytes"])
            verified = json.loads(self.ok("verify", location, name, "--json"))
            self.assertEqual((verified["ok"], verified["unknown"]), (True, []))
            shutil.rmtree(self.place / "back", ignore_errors=True)
            self.ok("restore", location, name, self.place / "back")
            self.assertEqual(described(self.place / "back"), described(tree))
        self.assertGreater(reused, 0)
        # What was never finished can be deleted as well.
        process = subprocess.Popen([BIN / "strongroom", "archive", *words, "never"], env=self.d.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (self.place / "store" / "snapshots" / "never" / "data").exists():
            time.sleep(0.01)
        process.kill()
        process.wait()
        if b"never  unfinished" in self.ok("list", location):
            self.fails(1, "verify", location, "never", words=["unfinished"])
            self.ok("delete", location, "never")
        self.assertNotIn(b"never  unfinished", self.ok("list", location))

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

    def large_tree(self):
        tree = self.place / "large"
        tree.mkdir()
        for i in range(12):
            (tree / f"f{i:02}").write_bytes(blob(8 * MIB, i))
        return tree

    def test_a_put_goes_on_with_what_is_there_and_fits(self):
        location = self.location()
        tree = self.large_tree()
        words = ["put", location, tree, "--name", "one", "--object-size", "1", "--json"]
        self.begun(tree, location, "one", 12)
        first, second, *_ = self.objects("one")
        first.unlink()
        second.write_bytes(second.read_bytes()[:-1])
        report = json.loads(self.ok(*words))
        self.assertGreater(report["reused_bytes"], 0)
        self.assertEqual(report["sent_bytes"] + report["reused_bytes"], 96 * MIB)
        self.assertEqual(json.loads(self.ok("verify", location, "one", "--json"))["unknown"], [])
        # Another context is bound to other messages.
        self.begun(tree, location, "two", 6, "--context", "purpose=a")
        report = json.loads(self.ok(*words[:4], "two", *words[5:], "--context", "purpose=b"))
        self.assertEqual((report["sent_bytes"], report["reused_bytes"]), (96 * MIB, 0))
        self.assertEqual(json.loads(self.ok("verify", location, "two", "--json"))["unknown"], [])
        # What goes while it is sent makes no snapshot.
        running = self.begun(tree, location, "three", 6, after=signal.SIGSTOP)
        for path in sorted(self.objects("three"), key=lambda path: path.stat().st_mtime_ns)[:2]:
            path.unlink()
        running.send_signal(signal.SIGCONT)
        self.assertEqual(running.wait(120), 1)
        self.assertIn(b"is missing", running.stderr.read())
        running.stderr.close()
        self.fails(1, "verify", location, "three", words=["unfinished"])
        report = json.loads(self.ok(*words[:4], "three", *words[5:]))
        self.assertGreater(report["reused_bytes"], 0)
        self.ok("verify", location, "three")

    def test_a_killed_or_interrupted_restore_begins_again(self):
        location = self.location()
        tree = self.place / "tree"
        tree.mkdir()
        for i in range(3):
            (tree / f"large{i}").write_bytes(blob(8 * MIB, i))
        locked = tree / "locked"
        locked.mkdir()
        for i in range(3000):
            (locked / f"s{i:04}").write_bytes(blob(100, i))
        locked.chmod(0o500)
        self.ok("put", location, tree, "--name", "one")
        self.ok("put", location, tree, "--name", "two")
        want = described(tree)
        chance = random.Random(11)
        stopped = {signal.SIGKILL: 0, signal.SIGTERM: 0, signal.SIGINT: 0}
        for round_number in range(30):
            how = min(stopped, key=stopped.get)
            if stopped[how] == 2:
                break
            back = self.place / f"back{round_number}"
            process = subprocess.Popen([BIN / "strongroom", "archive", "restore", location, "one", back],
                                       env=self.d.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            so_many = chance.randrange(3000)
            while process.poll() is None and self.there(back) < so_many:
                time.sleep(0.001)
            process.send_signal(how)
            if process.wait() == 0:
                continue  # it was quicker than the signal
            stopped[how] += 1
            marked = (back / ".strongroom-unfinished-restore").exists()
            if how != signal.SIGKILL and back.exists():
                self.assertEqual([path.name for path in back.rglob(".strongroom*") if "unfinished" not in path.name], [])
            elif marked:
                self.fails(1, "restore", location, "two", back, words=["one"])
            elif self.there(back) > 0:
                # Killed after the mark's end: only the root's own facts may be missing.
                self.assertEqual({**described(back), b".": None}, {**want, b".": None})
                continue
            self.ok("restore", location, "one", back, *([] if how == signal.SIGKILL else ["--overwrite"]))
            self.assertEqual(described(back), want)
        self.assertEqual(set(stopped.values()), {2})

    @staticmethod
    def there(tree):
        """How many entries a tree has that a restore is filling."""
        return sum(len(below) + len(files) for _, below, files in os.walk(tree))

    def test_two_machines_with_one_journal(self):
        location = self.location()
        tree = self.large_tree()
        self.begun(tree, location, "one", 12)
        other = self.place / "other"
        shutil.copytree(self.root / "state", other)
        had = len(self.objects("one"))
        slow = self.begun(tree, location, "one", had + 3, after=signal.SIGSTOP)
        report = json.loads(self.ok("put", location, tree, "--name", "one", "--object-size", "1", "--json",
                                    environment={"XDG_STATE_HOME": str(other)}))
        self.assertGreater(report["reused_bytes"], 0)
        slow.send_signal(signal.SIGCONT)
        self.assertEqual(slow.wait(120), 1)
        self.assertIn(b"Somebody else has finished", slow.stderr.read())
        slow.stderr.close()
        verified = json.loads(self.ok("verify", location, "one", "--json"))
        self.assertEqual((verified["ok"], verified["unknown"]), (True, []))

    def test_two_puts_into_one_directory_leave_each_others_files_alone(self):
        location = self.location()
        tree = self.large_tree()
        # Eight MiB and more to an object: sent in parts, so there are files in .uploads.
        words = [BIN / "strongroom", "archive", "put", location, tree, "--name", "one", "--object-size", "32"]
        slow = subprocess.Popen(words, env=self.d.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        uploads = self.place / "store" / ".uploads"
        while not self.sizes(uploads) > {0}:
            self.assertIsNone(slow.poll())
            time.sleep(0.002)
        slow.send_signal(signal.SIGSTOP)
        self.ok("put", location, "-", "--name", "two", stdin=b"x")
        self.ok("delete", location, "two")
        slow.send_signal(signal.SIGCONT)
        self.assertEqual(slow.wait(120), 0, slow.stderr.read())
        slow.stderr.close()
        self.ok("verify", location, "one")

    @staticmethod
    def sizes(folder):
        """Of the files that are there; one may be renamed meanwhile."""
        found = {0}
        for path in folder.iterdir():
            try:
                found.add(path.stat().st_size)
            except FileNotFoundError:
                pass
        return found

    def test_a_file_that_can_be_read_in_part(self):
        location = self.location()
        tree = self.place / "tree"
        tree.mkdir()
        (tree / "fine").write_text("fine")
        (tree / "sick").write_bytes(blob(5 * MIB + 123, 3))
        # A disk with a bad sector.
        (self.place / "bad.c").write_text(
            "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n#include <sys/stat.h>\n#include <unistd.h>\n"
            "ssize_t pread64(int fd, void *to, size_t size, off_t at) {\n"
            "  struct stat facts;\n"
            "  if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size == 5 * 1048576 + 123 && at >= 2097152) {\n"
            "    errno = EIO;\n    return -1;\n  }\n"
            "  return ((ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, \"pread64\"))(fd, to, size, at);\n}\n"
            "ssize_t pread(int fd, void *to, size_t size, off_t at) { return pread64(fd, to, size, at); }\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "bad.c", "-o", "bad.so", "-ldl"], cwd=self.place, check=True)
        self.fails(5, "put", location, tree, "--name", "one", words=["sick", "first 2097152 bytes"],
                   environment={"LD_PRELOAD": str(self.place / "bad.so")})
        listed = {entry["path"]: entry for entry in map(json.loads, self.ok("list", location, "one", "--json").splitlines())}
        self.assertEqual((listed["sick"]["incomplete"], listed["sick"]["size"]), (True, 2 * MIB))
        self.assertNotIn("incomplete", listed["fine"])
        self.fails(5, "verify", location, "one", words=["sick", "unaltered"])
        got = self.fails(5, "get", location, "one", "sick", words=["could not read the rest"])
        self.assertEqual(got.stdout, (tree / "sick").read_bytes()[:2 * MIB])
        self.fails(5, "restore", location, "one", self.place / "back", words=["sick"])
        self.assertEqual((self.place / "back" / "sick").read_bytes(), (tree / "sick").read_bytes()[:2 * MIB])
        self.ok("get", location, "one", "fine")

    def test_a_file_in_too_many_pieces_costs_only_itself(self):
        location = self.location()
        tree = self.place / "tree"
        tree.mkdir()
        (tree / "fine").write_text("fine")
        with open(tree / "moths", "wb") as file:  # more holes than are kept as such, so the rest counts as data
            for i in range(HOLES + 2):
                os.pwrite(file.fileno(), b"x", i * 2 * SMALLEST_HOLE)
            file.truncate(65 << 30)
        self.fails(5, "put", location, tree, "--name", "one", "--object-size", "1", words=["moths", "more than 65536 pieces"])
        listed = {entry["path"]: entry for entry in map(json.loads, self.ok("list", location, "one", "--json").splitlines())}
        self.assertEqual((listed["moths"]["incomplete"], listed["moths"]["size"]), (True, 0))
        self.assertEqual(self.ok("get", location, "one", "fine"), b"fine")

    def test_offline_key_and_disaster_recovery(self):
        self.d.shell("openssl genrsa -aes256 -passout pass:in-the-safe -out safe.pem 3072 2>/dev/null && "
                     "openssl pkey -in safe.pem -passin pass:in-the-safe -pubout -out public.pem && echo in-the-safe > pass")
        key = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        location = self.location("--offline-public-key", self.root / "public.pem", key=key)
        self.fails(2, "location", "add", "x", self.place / "x", "--offline-public-key", self.root / "safe.pem",
                   words=["private key"])
        self.ok("put", location, "-", "--name", "one", "--sign", stdin=b"precious")
        offline = ["--offline-key", self.root / "safe.pem", "--offline-key-password-file", self.root / "pass"]
        nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:1"}
        self.assertEqual(self.ok("get", location, "one", "-", *offline, environment=nowhere), b"precious")
        self.assertIn(b"nothing tells who wrote", self.archive("verify", location, "one", *offline, environment=nowhere).stderr)
        self.assertNotIn(b"nothing tells who wrote", self.archive("verify", location, "one").stderr)
        self.ok("verify", location, "one", *offline, environment=nowhere)
        # A machine that knows nothing but where it is and which key opens it.
        bare = {"XDG_CONFIG_HOME": f"{self.place}/fresh", "XDG_STATE_HOME": f"{self.place}/fresh"}
        url = ["--location-url", self.place / "store"]
        self.assertEqual(self.ok("get", *url, "--kms-key-id", key, "one", "-", environment=bare), b"precious")
        self.assertEqual(self.ok("restore", *url, *offline, "one", "-", environment={**bare, **nowhere}), b"precious")
        self.fails(2, "get", *url, "one", "-", environment=bare, words=["--kms-key-id"])
        self.ok("location", "add", "again", self.place / "store", "--kms-key-id", key, environment=bare)
        self.assertEqual(self.ok("get", "again", "one", "-", environment=bare), b"precious")
        # A key that never was among the wrapping keys opens nothing.
        self.assertNotEqual(self.archive("get", *url, "--kms-key-id", self.key, "one", "-", environment=bare).returncode, 0)

    def test_rekey_and_whose_decision_it_is(self):
        old = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        new = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        third = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        location = self.location(key=old)
        tree = self.place / "tree"
        tree.mkdir()
        (tree / "file").write_bytes(blob(5 * MIB, 9))
        # Begun under the old key; after the rekey it must not be finished with what that one has made.
        large = self.place / "large"
        large.mkdir()
        for i in range(8):
            (large / f"f{i}").write_bytes(blob(8 * MIB, i))
        self.begun(large, location, "begun", 5)
        self.assertIn(b"begun  unfinished", self.ok("list", location))
        # Several data keys.
        self.ok("put", location, tree, "--name", "one", "--object-size", "1", "--key-messages", "2")
        self.ok("put", location, "-", "--name", "two", stdin=b"stream")
        before = {path: path.read_bytes() for path in self.objects("one")}
        # Through, but whoever goes by the exit status hears of the unfinished one.
        report = json.loads(self.fails(5, "rekey", location, "--kms-key-id", new, "--json", words=["1 unfinished snapshot"]).stdout)
        self.assertEqual((report["snapshots"], report["unfinished"]), (2, ["begun"]))
        self.assertGreater(report["data_keys"], 3)
        self.assertEqual(before, {path: path.read_bytes() for path in self.objects("one")})
        self.d.ok("kms", "disable-key", "--key-id", old)
        report = json.loads(self.ok("put", location, large, "--name", "begun", "--object-size", "1", "--json"))
        self.assertEqual((report["sent_bytes"], report["reused_bytes"]), (64 * MIB, 0))
        self.assertEqual(json.loads(self.ok("verify", location, "begun", "--json"))["unknown"], [])
        self.ok("delete", location, "begun")
        self.ok("restore", location, "one", self.place / "back")
        self.assertEqual((self.place / "back" / "file").read_bytes(), blob(5 * MIB, 9))
        # And from there to a third one, with the first still disabled.
        self.ok("rekey", location, "--kms-key-id", third)
        self.d.ok("kms", "disable-key", "--key-id", new)
        self.assertEqual(self.ok("get", location, "two", "-"), b"stream")
        self.ok("verify", location, "one")
        again = json.loads(self.ok("rekey", location, "--kms-key-id", third, "--json"))
        self.assertEqual(again["done_before"], 2)
        self.d.ok("kms", "disable-key", "--key-id", third)
        self.fails(1, "get", location, "two", "-", words=["owner has disabled it"])
        self.fails(1, "put", location, "-", "--name", "three", stdin=b"x", words=["owner has disabled it"])
        self.d.ok("kms", "enable-key", "--key-id", third)
        self.assertEqual(self.ok("get", location, "two", "-"), b"stream")

    def test_rekey_that_cannot_be_or_meets_a_put(self):
        old, new, third, disabled = (self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"] for _ in range(4))
        self.d.ok("kms", "disable-key", "--key-id", disabled)
        location = self.location(key=old)
        config = self.root / "config" / "strongroom" / "archive.json"
        self.ok("put", location, "-", "--name", "one", stdin=b"one")
        before = config.read_bytes()
        done = self.archive("rekey", location, "--kms-key-id", disabled)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"Nothing is changed", done.stderr)
        self.assertEqual(config.read_bytes(), before)
        # A stream that begins under the old keys and ends after the new ones came.
        stream = subprocess.Popen([BIN / "strongroom", "archive", "put", location, "-", "--name", "two", "--quiet"],
                                  stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=self.d.environment)
        stream.stdin.write(blob(40 * MIB, 6))
        stream.stdin.flush()
        while not (self.place / "store" / "snapshots" / "two").exists():
            time.sleep(0.02)
        self.fails(5, "rekey", location, "--kms-key-id", new, words=["1 unfinished snapshot"])
        stream.stdin.close()
        self.assertNotEqual(stream.wait(120), 0)
        self.assertIn(b"keys have changed", stream.stderr.read())
        stream.stderr.close()
        self.d.ok("kms", "disable-key", "--key-id", old)
        self.ok("put", location, "-", "--name", "two", stdin=b"two")
        self.assertEqual(json.loads(self.ok("verify", location, "two", "--json"))["unknown"], [])
        # One that was interrupted is finished before another begins.
        known = json.loads(config.read_text())
        known["locations"][location]["next_keys"] = {"kms": [third], "offline": []}
        config.write_text(json.dumps(known))
        done = self.archive("rekey", location, "--kms-key-id", self.key)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"is not through", done.stderr)
        self.assertIn(third.encode(), done.stderr)
        self.ok("rekey", location, "--kms-key-id", third)
        self.d.ok("kms", "disable-key", "--key-id", new)
        for name in ("one", "two"):
            self.assertEqual(self.ok("get", location, name, "-"), name.encode())
        self.assertNotIn("next_keys", json.loads(config.read_text())["locations"][location])
        # Kept keys that lack one are no kept keys.
        kept = self.place / "store" / "snapshots" / "one" / "keys"
        kept.write_bytes((self.place / "store" / "snapshots" / "two" / "keys").read_bytes())
        self.assertNotEqual(self.archive("rekey", location, "--kms-key-id", self.key).returncode, 0)

    def test_a_list_with_a_snapshot_that_cannot_be_opened(self):
        location = self.location()
        for name in ("one", "two", "three"):
            self.ok("put", location, "-", "--name", name, stdin=b"x")
        manifest = self.place / "store" / "snapshots" / "two" / "manifest"
        manifest.write_bytes(manifest.read_bytes()[:-1])
        self.assertEqual(self.ok("list", location).split(), [b"one", b"three", b"two"])
        shown = self.fails(1, "list", location, "--long", words=["1 snapshot cannot be opened"]).stdout.decode().splitlines()
        self.assertEqual([line.split()[0] for line in shown], ["one", "three", "two"])
        self.assertIn("1 entry", shown[0])
        self.assertIn("cannot be opened", shown[2])
        shown = [json.loads(line) for line in self.fails(1, "list", location, "--long", "--json").stdout.splitlines()]
        self.assertEqual(["error" in one for one in shown], [False, False, True])

    def test_an_offline_location_needs_nothing_of_aws(self):
        self.d.shell("openssl genrsa -out alone.pem 3072 2>/dev/null && openssl pkey -in alone.pem -pubout -out alone-public.pem")
        home = self.place / "home"
        (home / ".aws").mkdir(parents=True)
        (home / ".aws" / "config").write_text("[default\nregion = here and there\n")
        (home / ".aws" / "credentials").write_text("this is no such file\n")
        broken = {name: value for name, value in self.d.environment.items() if not name.startswith("AWS_")}
        broken.update(HOME=str(home), XDG_CONFIG_HOME=f"{home}/config", XDG_STATE_HOME=f"{home}/state")

        def run(status, *words, stdin=None):
            done = subprocess.run([BIN / "strongroom", "archive", *map(os.fspath, words)], input=stdin, capture_output=True,
                                  env=broken, timeout=300)
            self.assertEqual(done.returncode, status, done.stderr.decode())
            return done
        run(0, "location", "add", "alone", self.place / "store", "--offline-public-key", self.root / "alone-public.pem")
        run(0, "location", "test", "alone")
        run(0, "put", "alone", "-", "--name", "one", stdin=b"precious")
        offline = ["--offline-key", self.root / "alone.pem"]
        self.assertEqual(run(0, "get", "alone", "one", "-", *offline).stdout, b"precious")
        run(0, "verify", "alone", "one", *offline)
        self.assertEqual(run(0, "get", "--location-url", self.place / "store", *offline, "one", "-").stdout, b"precious")
        run(0, "list", "alone", "--long", *offline)
        run(0, "delete", "alone", "one")
        # Where KMS is needed, what is wrong is said.
        done = run(2, "location", "add", "kms", self.place / "other", "--kms-key-id", "alias/x")
        self.assertIn(b".aws/config, line 1", done.stderr)

    def test_help_and_wrong_arguments(self):
        commands = [["location", name] for name in ("add", "list", "show", "test", "remove")] + [
            [name] for name in ("put", "list", "get", "verify", "restore", "delete", "rekey")]
        for command in [[], ["location"], *commands]:
            text = self.ok(*command, "--help").decode()
            self.assertIn("Usage: strongroom archive " + " ".join(command), text)
            for untold in ("TEXT", "[arguments", "  arguments", "(0x)", "UINT:UINT"):
                self.assertNotIn(untold, text, command)
            self.assertEqual(text.count("Exit statuses"), 0 if command[-1:] in (["show"], ["remove"]) or command == ["location", "list"] else 1)
        for words, said in ((["get", "here", "one"], "LOCATION SNAPSHOT PATH"), (["verify"], "LOCATION SNAPSHOT"),
                            (["restore", "here", "one"], "DIRECTORY"), (["list"], "LOCATION"),
                            (["get", "--location-url", "/x", "one"], "without LOCATION"),
                            (["get", "here", "one", "-", "--region", "eu-west-1"], "--region goes with --location-url"),
                            (["get", "here", "one", "-", "--endpoint", "http://x"], "--endpoint goes with --location-url"),
                            (["list", "here", "--offline-key-password-file", "/x"], "goes with --offline-key"),
                            (["put", "here"], "PATH"), (["put", "here", "-", "--uploads", "99"], "--uploads"),
                            (["put", "here", "-", "--object-size", "0"], "--object-size"), (["nonsense"], "nonsense"),
                            (["location", "add", "x"], "URL")):
            with self.subTest(words=words):
                self.fails(2, *words, words=[said])

    def test_a_location_is_tried_before_it_is_added(self):
        disabled = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        self.d.ok("kms", "disable-key", "--key-id", disabled)
        done = self.archive("location", "add", "bad", self.place / "s", "--kms-key-id", disabled)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"owner has disabled it", done.stderr)
        self.assertIn(b"kms:GenerateDataKey", done.stderr)
        signing = self.d.ok("kms", "create-key", "--key-usage", "SIGN_VERIFY", "--key-spec", "ECC_NIST_P256")["KeyMetadata"]
        self.fails(2, "location", "add", "bad", self.place / "s", "--kms-key-id", signing["Arn"], words=["symmetric"])
        self.fails(1, "location", "add", "bad", self.place / "s", "--kms-key-id", "alias/absent", words=["DescribeKey"])
        self.fails(2, "location", "add", "bad", "ftp://x/y", "--kms-key-id", self.key)
        unreachable = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
        self.fails(3, "location", "add", "bad", self.place / "s", "--kms-key-id", self.key, environment=unreachable)
        self.assertNotIn(b"bad", self.ok("location", "list"))
        location = self.location()
        shown = json.loads(self.ok("location", "show", location, "--json"))
        self.assertEqual(shown["keys"]["kms"], [self.key])
        self.assertTrue(json.loads(self.ok("location", "test", location, "--json"))["ok"])
        self.assertEqual(os.stat(self.root / "config" / "strongroom" / "archive.json").st_mode & 0o777, 0o600)
        self.assertEqual(list((self.place / "store").glob("strongroom-probe*")), [])
        self.ok("location", "remove", location)
        self.fails(1, "location", "show", location, words=["no location"])

    def test_the_permission_that_is_missing_is_named(self):
        location = self.location()
        self.ok("put", location, "-", "--name", "one", stdin=b"x")
        used = ["kms:GenerateDataKey", "kms:Decrypt"]  # of a location with one key
        for missing in used:
            user = "without-" + missing.split(":")[1]
            self.d.ok("iam", "create-user", "--user-name", user)
            allowed = ["kms:DescribeKey", *(action for action in used if action != missing)]
            self.d.ok("iam", "put-user-policy", "--user-name", user, "--policy-name", "p", "--policy-document", json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": self.key}]}))
            made = self.d.ok("iam", "create-access-key", "--user-name", user)["AccessKey"]
            environment = {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
            wait_for("the key is in force", lambda: stock_aws.run(["--endpoint-url", self.d.endpoint, "sts", "get-caller-identity"], {
                **self.d.environment, **environment}, self.root).returncode == 0)
            tested = self.archive("location", "test", location, "--json", environment=environment)
            self.assertNotEqual(tested.returncode, 0)
            report = json.loads(tested.stdout)
            self.assertFalse(report["ok"])
            bad = [check for check in report["checks"] if not check["ok"]]
            self.assertEqual([check["check"] for check in bad], [f"{missing} on {self.key}"])
            self.assertIn("policy", bad[0]["error"])
            added = self.archive("location", "add", user, self.place / "other", "--kms-key-id", self.key, environment=environment)
            self.assertNotEqual(added.returncode, 0)
            self.assertIn(missing, added.stderr.decode())
            if missing == "kms:Decrypt":
                self.assertNotEqual(self.archive("verify", location, "one", environment=environment).returncode, 0)
            else:
                self.ok("verify", location, "one", environment=environment)
        self.assertNotIn(b"without-", self.ok("location", "list"))

    def test_objects_are_messages_for_the_official_client(self):
        node_clients.install()
        for script in node_clients.SOURCE.glob("*.mjs"):
            shutil.copy(script, node_clients.PLACE / script.name)
        location = self.location()
        data = blob(5 * MIB + 3, 11)
        self.ok("put", location, "-", "--name", "plain", "--object-size", "2", stdin=data)
        self.ok("put", location, "-", "--name", "signed", "--object-size", "2", "--sign", stdin=data)
        for snapshot in ("plain", "signed"):
            files = [*self.objects(snapshot), self.place / "store" / "snapshots" / snapshot / "manifest"]
            jobs = "".join(json.dumps({"do": "decrypt", "in": str(path), "out": f"{self.place}/{snapshot}-{i}",
                                       "keyring": {"type": "kms", "generator": self.key}}) + "\n"
                           for i, path in enumerate(files))
            done = subprocess.run([node_clients.node(), node_clients.PLACE / "message_jobs.mjs"], input=jobs.encode(),
                                  capture_output=True, cwd=node_clients.PLACE, timeout=300,
                                  env={**self.d.environment, "AWS_REGION": self.key.split(":")[3],
                                       "NODE_EXTRA_CA_CERTS": self.d.environment["AWS_CA_BUNDLE"]})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn(b'"error"', done.stdout)
            pieces = [(self.place / f"{snapshot}-{i}").read_bytes() for i in range(len(files))]
            self.assertCountEqual([piece for piece in pieces[:-1]], [data[i:i + 2 * MIB] for i in range(0, len(data), 2 * MIB)])
            self.assertIn(snapshot.encode(), pieces[-1])

    def test_the_commands_of_the_readme(self):
        text = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text()
        commands = text.split("## Keep backups")[1].split("```sh\n")[1].split("```")[0]
        self.assertIn("strongroom archive restore", commands)
        home = self.place / "home"
        (home / "documents").mkdir(parents=True)
        (home / "documents" / "letter").write_text("Dear owner")
        commands = commands.replace("/var/backups/home", str(self.place / "store")).replace("build/bin/strongroom", "strongroom")
        self.d.shell(f"cd {home} && set -e\n{commands}")
        self.assertEqual((home / "restored" / "letter").read_text(), "Dear owner")

    def test_memory_is_bounded(self):
        location = self.location()
        measure = self.place / "measure.py"
        measure.write_text("import resource, subprocess, sys\n"
                           "code = subprocess.call(sys.argv[2:])\n"
                           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open(sys.argv[1], 'a'))\n"
                           "sys.exit(code)\n")
        script = (f"head -c 768M /dev/zero | python3 {measure} {self.place}/rss {BIN}/strongroom archive put {location} - "
                  f"--name big --quiet && python3 {measure} {self.place}/rss {BIN}/strongroom archive get {location} big - "
                  f"--quiet | wc -c")
        self.d.shell(script)
        sizes = (self.place / "rss").read_text().split()
        self.assertEqual(len(sizes), 2)
        for kib in sizes:
            self.assertLess(int(kib), 256 * 1024)


class S3Test(unittest.TestCase):
    """The same in a bucket, with what lines and servers do. An offline key opens it, so there is no KMS at all."""

    proxy_class = s3_servers.FaultProxy

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-e2e-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, True)
        cls.swift = s3_servers.Swift(cls.root)
        cls.addClassCleanup(cls.swift.stop)
        cls.environment = {**os.environ, **s3_servers.environment(cls.swift.url), "HOME": str(cls.root),
                           "XDG_CONFIG_HOME": f"{cls.root}/config", "XDG_STATE_HOME": f"{cls.root}/state",
                           "TMPDIR": str(cls.root)}
        subprocess.run(["aws", "s3api", "--endpoint-url", cls.swift.url, "create-bucket", "--bucket", "backup"], check=True,
                       capture_output=True, env=cls.environment)
        subprocess.run("openssl genrsa -out safe.pem 3072 && openssl pkey -in safe.pem -pubout -out public.pem", shell=True,
                       check=True, capture_output=True, cwd=cls.root)

    def archive(self, status, *arguments, stdin=None):
        done = subprocess.run([BIN / "strongroom", "archive", *map(os.fspath, arguments)], input=stdin, capture_output=True,
                              env=self.environment, cwd=self.root, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        return done

    def s3(self, *arguments):
        return subprocess.run(["aws", "s3", "--endpoint-url", self.swift.url, *arguments], check=True, capture_output=True,
                              env=self.environment).stdout.decode()

    def test_a_tree_through_a_bad_line(self):
        proxy = self.proxy_class(self.swift.url)
        self.addCleanup(proxy.stop)
        tree = self.root / "tree"
        tree.mkdir()
        (tree / "large").write_bytes(blob(40 * MIB + 1, 1))
        for i in range(50):
            (tree / f"n{i}").write_bytes(blob(i * 100, i))
        offline = ["--offline-key", self.root / "safe.pem"]
        self.archive(0, "location", "add", "s3", "s3://backup/deep/down", "--endpoint", proxy.url, "--offline-public-key",
                     self.root / "public.pem")
        proxy.fault("PUT", "partNumber=2", 503)
        proxy.fault("PUT", "partNumber=3", "cut-request")
        proxy.fault("POST", "uploadId", "lose-answer")  # the object is there, and the upload is gone
        proxy.fault("POST", "uploadId", ("error", "InternalError"))
        proxy.fault("PUT", "/one/manifest", "lose-answer")  # so the same bytes are there when it is sent again
        self.archive(0, "put", "s3", tree, "--name", "one")
        self.assertGreaterEqual(proxy.count("PUT", "/one/manifest"), 2)
        proxy.fault("GET", "/one/data/", ("cut-answer", MIB))
        self.archive(0, "restore", "s3", "one", self.root / "back", *offline)
        self.assertEqual(described(self.root / "back"), described(tree))
        self.assertEqual(proxy.bad_signatures, [])
        # What the server said it took, but has not.
        proxy.fault("PUT", "/two/manifest", "swallow")
        done = subprocess.run([BIN / "strongroom", "archive", "put", "s3", tree, "--name", "two"], capture_output=True,
                              env=self.environment, cwd=self.root, timeout=300)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"two  unfinished", self.archive(0, "list", "s3").stdout)
        self.archive(0, "put", "s3", tree, "--name", "two")
        self.archive(0, "verify", "s3", "two", *offline)
        self.archive(0, "delete", "s3", "two")
        # The store loses an object; then everything is deleted.
        names = [line.split()[-1] for line in self.s3("ls", "--recursive", "s3://backup/deep/down/snapshots/one/data/").splitlines()]
        self.assertEqual(len(names), 2)
        self.s3("rm", f"s3://backup/{names[0]}")
        self.assertIn(b"is missing", self.archive(1, "verify", "s3", "one", "--quick", *offline).stderr)
        self.assertIn(b"is missing", self.archive(1, "verify", "s3", "one", *offline).stderr)
        self.archive(0, "delete", "s3", "one")
        self.assertEqual(self.archive(0, "list", "s3").stdout, b"")
        self.assertEqual(self.s3("ls", "--recursive", "s3://backup/deep/down/").split()[3:], ["deep/down/strongroom-archive.json"])


class AwsS3Test(S3Test):
    """Before a server with AWS's conditions and checksums."""

    proxy_class = AwsProxy

    def test_two_that_put_one_snapshot_at_once(self):
        proxy = AwsProxy(self.swift.url)
        self.addCleanup(proxy.stop)
        self.archive(0, "location", "add", "race", "s3://backup/race", "--endpoint", proxy.url, "--offline-public-key",
                     self.root / "public.pem")
        proxy.race("/snapshots/one/manifest")
        content = [blob(9 * MIB, seed) for seed in (1, 2)]
        writers = [subprocess.Popen([BIN / "strongroom", "archive", "put", "race", "-", "--name", "one", "--quiet"],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env={**self.environment, "XDG_STATE_HOME": f"{self.root}/state{i}"}) for i in range(2)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            said = list(pool.map(lambda pair: pair[0].communicate(pair[1], timeout=120)[1], zip(writers, content)))
        self.assertTrue(proxy.met.is_set())
        self.assertEqual(sorted(writer.returncode for writer in writers), [0, 1], said)
        won = 0 if writers[0].returncode == 0 else 1
        self.assertIn(b"Somebody else has finished", said[1 - won])
        offline = ["--offline-key", self.root / "safe.pem"]
        self.assertEqual(self.archive(0, "get", "race", "one", "-", *offline).stdout, content[won])
        report = json.loads(self.archive(0, "verify", "race", "one", "--json", *offline).stdout)
        self.assertEqual((report["ok"], report["unknown"]), (True, []))


class KeyStoreTest(unittest.TestCase):
    """A key whose material is in the owner's HSMs."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.d.environment.update(HOME=str(cls.d.root), XDG_CONFIG_HOME=f"{cls.d.root}/config",
                                 XDG_STATE_HOME=f"{cls.d.root}/state")
        _, cls.store = cls.d.connected_store()

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def test_disconnected_means_the_owner_decides(self):
        key = self.d.ok("kms", "create-key", "--custom-key-store-id", self.store, "--origin", "AWS_CLOUDHSM")["KeyMetadata"]["Arn"]
        archive = [BIN / "strongroom", "archive"]

        def run(*words, stdin=None):
            return self.d.run(*archive, *words, stdin=stdin)

        self.assertEqual(run("location", "add", "hsm", self.d.root / "store", "--kms-key-id", key).status, 0)
        self.assertEqual(run("put", "hsm", "-", "--name", "one", stdin=b"sealed by the HSM").status, 0)
        self.d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "DISCONNECTED")
        refused = run("restore", "hsm", "one", "-")
        self.assertNotEqual(refused.status, 0)
        self.assertEqual(refused.out, "")
        for words in (self.store, "disconnected", "wner decides to connect it again"):
            self.assertIn(words, refused.err)
        self.d.ok("kms", "connect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "CONNECTED")
        back = run("restore", "hsm", "one", "-")
        self.assertEqual((back.status, back.out), (0, "sealed by the HSM"), back.err)


if __name__ == "__main__":
    unittest.main()
