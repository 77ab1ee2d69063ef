"""`strongroom archive` that is killed, stopped or meets another one: it goes on, begins again, or says who has won."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from archive_case import MIB, ArchiveCase, blob, described
from deployment import BIN


class InterruptedTest(ArchiveCase):
    def large_tree(self):
        tree = self.place / "large"
        tree.mkdir()
        for i in range(12):
            (tree / f"f{i:02}").write_bytes(blob(8 * MIB, i))
        return tree

    @staticmethod
    def there(tree):
        """How many entries a tree has that a restore is filling."""
        return sum(len(below) + len(files) for _, below, files in os.walk(tree))

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


if __name__ == "__main__":
    unittest.main()
