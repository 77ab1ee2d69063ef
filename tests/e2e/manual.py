"""docs/operations.md as steps: its code blocks are run as they stand there, under the heading above them, with the words in
capitals replaced. So what an operator reads is what was tried.

```sh blocks are run by bash with Strongroom's programs in PATH and `aws` pointed at the deployment; a line `strongroom serve`
starts the deployment's service. ```cloudhsm_mgmt_util blocks are what is typed in that tool.
"""

import pathlib
import re
import shlex

from deployment import BIN, Failure

TEXT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"
KINDS = ("sh", "cloudhsm_mgmt_util")
# Words in capitals that stand for themselves.
LITERALS = {"AWS", "CO", "CU", "EXTERNAL_KEY_STORE"}
# Neither a variable that is used nor one that is set.
WORD = re.compile(r"(?<![$\w])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(?![\w=])")
# (heading, number): why no test runs it.
NOT_EXECUTED = {
    ("A network for each machine", 1): "changes the routes of the machine that it runs on",
    **{("A backup for another account", number): "Debian's aws CLI is older than that" for number in (1, 2, 4)},
}


def blocks():
    """{(heading, number): (kind, text)}, numbered from 1 under each heading, whatever its level."""
    found, heading, count, kind, lines = {}, None, 0, None, []
    for line in TEXT.read_text().splitlines():
        if kind is None and (title := re.match(r"#+ (.*)", line)):
            heading, count = title.group(1), 0
        elif fence := re.match(r" *```(.*)", line):
            if kind is None:
                kind, lines = fence.group(1), []
                continue
            if kind not in KINDS:
                raise Failure(f"{heading}: a block of kind {kind!r} is run by nobody")
            count += 1
            found[heading, count], kind = (kind, "\n".join(lines)), None
        elif kind is not None:
            lines.append(re.sub(r"\s+# .*", "", line.strip()))
    return found


def fill_in(text, words, quote):
    """The text with each word in capitals replaced by what `words` has for it; a sequence becomes several words."""

    def value(match):
        name = match.group()
        if name in LITERALS:
            return name
        if name not in words:
            raise Failure(f"nobody says what {name} is in: {text}")
        given = words[name]
        return " ".join(quote(str(each)) for each in (given if isinstance(given, (list, tuple)) else [given]))

    return WORD.sub(value, text)


class Manual:
    """The part of the text that one test file executes: the chapters with these headings, and those below them."""

    def __init__(self, *headings):
        self.headings = headings
        self.own = {name: block for name, block in blocks().items() if name[0] in headings and name not in NOT_EXECUTED}
        self.done = set()

    def left(self):
        return sorted(set(self.own) - self.done)

    def run(self, deployment, heading, number=1, stdin=None, good=True, **words):
        """Executes a block; its answer. `good`: it must succeed."""
        kind, text = self.own[heading, number]
        if kind == "sh":
            answer = self._shell(deployment, text, words, stdin)
        else:
            answer = deployment.cmu(*fill_in(text, words, str).splitlines(), "quit")
        if answer.status == 0:
            self.done.add((heading, number))
        elif good:
            raise Failure(f"{heading} {number}: {text}\nexit {answer.status}\n{answer.out}\n{answer.err}\n"
                          f"{deployment.serve_log()}")
        return answer

    def _shell(self, deployment, text, words, stdin):
        lines = fill_in(text.replace("\\\n", " "), words, shlex.quote).splitlines()
        serve = [at for at, line in enumerate(lines) if line.startswith("strongroom serve")]
        if serve and serve[0] != len(lines) - 1:
            raise Failure(f"what comes after `strongroom serve` waits for its end: {text}")
        script = lines[:serve[0]] if serve else lines
        answer = deployment.script("\n".join(script), stdin)
        if serve and answer.status == 0:
            [_, _, option, data] = shlex.split(lines[-1])
            if option != "--data":
                raise Failure(f"not what a test can start: {lines[-1]}")
            deployment.data = pathlib.Path(data)
            deployment.start()
        return answer
