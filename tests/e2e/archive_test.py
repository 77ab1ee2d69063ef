"""`strongroom archive`: trees and streams under keys of a running Strongroom, in a directory; what breaks, and what is said."""

import json
import os
import pathlib
import shutil
import subprocess
import time
import unittest

import node_clients
from archive_case import HOLES, MIB, SMALLEST_HOLE, ArchiveCase, blob, described, make_tree
from deployment import BIN, wait_for
from postgres_test import PostgreSql


class ArchiveTest(ArchiveCase):
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

    def test_another_disk_in_its_place_is_refused(self):
        location = self.location()
        self.ok("put", location, "-", "--name", "one", stdin=b"x")
        store, aside = self.place / "store", self.place / "aside"
        before = self.ok("location", "show", location, "--json")
        other = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        store.rename(aside)
        commands = [["list", location], ["put", location, "-", "--name", "two"], ["rekey", location, "--kms-key-id", other],
                    ["location", "test", location], ["get", location, "one", "-"], ["verify", location, "one"],
                    ["restore", location, "one", "-"], ["delete", location, "one"]]

        def refused(word):
            for command in commands:
                with self.subTest(command=command, there=word):
                    self.fails(1, *command, words=[f"{store} is not location '{location}' any more: it has {word} id",
                                                   "right disk mounted"], stdin=b"y")

        # The mount point alone, then somebody else's disk.
        store.mkdir()
        refused("no")
        self.assertEqual(list(store.iterdir()), [])
        self.ok("location", "add", f"{location}-other", store, "--kms-key-id", self.key)
        refused("another")
        self.assertEqual(self.ok("list", f"{location}-other"), b"")
        self.assertEqual(self.ok("location", "show", location, "--json"), before)
        # Away altogether, it has its own words; and it can be forgotten.
        shutil.rmtree(store)
        self.assertNotIn(b"any more", self.fails(1, "list", location, words=[str(store)]).stderr)
        aside.rename(store)
        self.assertEqual(self.ok("get", location, "one", "-"), b"x")
        self.ok("rekey", location, "--kms-key-id", other)
        shutil.rmtree(store)
        self.ok("location", "remove", location)

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


if __name__ == "__main__":
    unittest.main()
