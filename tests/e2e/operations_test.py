"""docs/operations.md and the tests that execute it cannot drift apart: each of its blocks is run by one of them as it stands."""

import importlib
import pathlib
import re
import unittest

import manual
from deployment import Failure


def parts():
    """{name of a test file: the part of the text that it executes}"""
    found = {}
    for file in sorted(pathlib.Path(__file__).parent.glob("*_test.py")):
        if file.stem != pathlib.Path(__file__).stem and "MANUAL = Manual(" in file.read_text():
            found[file.stem] = importlib.import_module(file.stem).MANUAL
    return found


class Operations(unittest.TestCase):
    """Each file checks at its end that its own part was executed; here, that the parts are the whole."""

    def test_every_block_is_executed_by_one_file(self):
        executed = {}
        for name, part in parts().items():
            for block in part.own:
                self.assertNotIn(block, executed, f"executed by {name}, too")
                executed[block] = name
        self.assertEqual(sorted(set(manual.blocks()) - set(executed) - set(manual.NOT_EXECUTED)), [])

    def test_what_is_not_executed_is_there(self):
        self.assertLessEqual(set(manual.NOT_EXECUTED), set(manual.blocks()))

    def test_headings_that_tests_name_exist(self):
        headings = set(re.findall(r"^#+ (.*)$", manual.TEXT.read_text(), re.M))
        for name, part in parts().items():
            self.assertLessEqual(set(part.headings), headings, name)

    def test_every_word_is_explained(self):
        text = manual.TEXT.read_text()
        explained = {word for row in re.findall(r"^\| ([A-Z][^|]*) \|", text, re.M) for word in re.findall(r"\w+", row)}
        explained |= {"SHARE2", "SHARE3"}
        for (heading, number), (_, block) in manual.blocks().items():
            self.assertLessEqual(set(manual.WORD.findall(block)) - manual.LITERALS, explained, f"{heading} {number}")

    def test_a_word_that_nobody_replaces_is_found(self):
        self.assertEqual(manual.fill_in("x DIR/y --k=KEY $DIR DIR2=1 aDIR", {"DIR": "/d", "KEY": "/k"}, str),
                         "x /d/y --k=/k $DIR DIR2=1 aDIR")
        with self.assertRaises(Failure):
            manual.fill_in("strongroom backup --data DIR FILE", {"DIR": "/d"}, str)


if __name__ == "__main__":
    unittest.main()
