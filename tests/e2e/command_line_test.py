"""`strongroom`'s command line as somebody types it who has mistyped: every command's help is read for its options."""

import os
import re
import subprocess
import tempfile
import unittest

import deployment

STRONGROOM = deployment.BIN / "strongroom"
# "  --data TEXT REQUIRED", "  -o,--output TEXT": options that take a value have a word behind their names.
OPTION = re.compile(r"^  (?:-\w,)?(--[\w-]+) (?!Excludes|Needs|REQUIRED)[A-Z]")
COMMAND = re.compile(r"^  ([a-z][\w-]*) {2,}\S")


def strongroom(*words, **more):
    return subprocess.run([STRONGROOM, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
                          **more)


def commands(*before):
    """Every command and the options with values that its help names: (("clock", "show"), ["--data"])."""
    shown = strongroom(*before, "--help").stdout
    yield before, [found.group(1) for found in map(OPTION.match, shown.splitlines()) if found]
    parts = re.split(r"^(?:Subcommands|[A-Z][\w ]*):$", shown, flags=re.MULTILINE)
    listed = parts[-1] if "Subcommands:" in shown else ""
    for line in listed.splitlines():
        if found := COMMAND.match(line):
            yield from commands(*before, found.group(1))


class CommandLineTest(unittest.TestCase):
    def test_an_empty_value_is_refused_whatever_the_option(self):
        tried = 0
        for command, options in commands():
            for option in options:
                with self.subTest(command=" ".join(command), option=option):
                    done = strongroom(*command, option, "")
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertRegex(done.stderr, f"^{option}: \\S")
                    tried += 1
        self.assertGreater(tried, 60)

    def test_a_working_directory_that_is_gone_is_said(self):
        gone = tempfile.mkdtemp(prefix="strongroom-e2e-")
        here = os.getcwd()
        try:
            os.chdir(gone)
            os.rmdir(gone)
            for command in ("status", "env", "serve"):
                with self.subTest(command=command):
                    done = strongroom(command, "--data", "relative")
                    self.assertGreater(done.returncode, 0, done.stderr)
                    self.assertIn("No such file or directory", done.stderr)
        finally:
            os.chdir(here)


if __name__ == "__main__":
    unittest.main()
