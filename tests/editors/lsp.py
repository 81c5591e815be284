#!/usr/bin/env python3
"""Asks rust-analyzer about `sample.rs`, as an editor does, and compares what it answers with what the sample wants.

    python3 tests/editors/lsp.py                    # rust-analyzer is on the PATH
    python3 tests/editors/lsp.py --server FILE --only jumps --all

It needs the sources of the standard library (`rustup component add rust-src`), or their folder in `--sysroot-src`.
"""

import argparse
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
PATIENCE = 600

MANIFEST = """\
[package]
name = "sample"
version = "0.0.0"
edition = "2024"

[dependencies]
async-with = {{ path = "{repository}", default-features = false }}

[workspace]
"""


class Server:
    """A language server, and what it has said."""

    def __init__(self, command, root, options):
        environment = os.environ | {"CARGO_TARGET_DIR": str(target_folder())}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, env=environment
        )
        self.messages = queue.Queue()
        self.number = 0
        threading.Thread(target=self.read, daemon=True).start()
        capabilities = {
            "experimental": {"serverStatusNotification": True},
            "textDocument": {
                "hover": {"contentFormat": ["plaintext"]},
                "completion": {"completionItem": {"snippetSupport": False}},
                "diagnostic": {},
            },
            "window": {"workDoneProgress": False},
        }
        self.ask(
            "initialize",
            processId=os.getpid(),
            rootUri=root.as_uri(),
            capabilities=capabilities,
            initializationOptions=options,
        )
        self.tell("initialized")

    def read(self):
        stream = self.process.stdout
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.decode().partition(":")
                if name.lower() == "content-length":
                    length = int(value)
                header = stream.readline()
            self.messages.put(json.loads(stream.read(length)))
        self.messages.put(None)

    def send(self, message):
        text = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self.process.stdin.flush()

    def tell(self, method, **params):
        self.send({"method": method, "params": params})

    def next(self, deadline):
        try:
            message = self.messages.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            sys.exit("rust-analyzer does not answer")
        if message is None:
            sys.exit("rust-analyzer has ended")
        if "id" in message and "method" in message:
            # It asks for settings, which it has been told, and registers what we do not need.
            items = message["params"].get("items") if isinstance(message.get("params"), dict) else None
            self.send({"id": message["id"], "result": [None] * len(items) if items else None})
        return message

    def ask(self, method, **params):
        """The answer; asked again when the server has changed its mind meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.number += 1
            # What takes no parameters must get none.
            self.send({"id": self.number, "method": method} | ({"params": params} if params else {}))
            while True:
                message = self.next(deadline)
                if message.get("id") == self.number and "method" not in message:
                    break
            error = message.get("error")
            if error is None:
                return message.get("result")
            # ContentModified, ServerCancelled, RequestCancelled
            if error["code"] not in (-32801, -32802, -32800):
                sys.exit(f"{method}: {error}")

    def until_ready(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self.next(deadline)
            if message.get("method") == "experimental/serverStatus":
                status = message["params"]
                if status["health"] == "error":
                    sys.exit(f"rust-analyzer: {status.get('message')}")
                if status["quiescent"]:
                    if status.get("message"):
                        print(status["message"], file=sys.stderr)
                    return

    def end(self):
        self.ask("shutdown")
        self.tell("exit")
        self.process.wait(timeout=60)


class File:
    """A file that is open in the editor."""

    def __init__(self, server, path, text):
        self.server, self.uri, self.version, self.saved = server, path.as_uri(), 1, text
        document = {"uri": self.uri, "languageId": "rust", "version": 1, "text": text}
        server.tell("textDocument/didOpen", textDocument=document)

    def type(self, text):
        self.version += 1
        self.server.tell(
            "textDocument/didChange",
            textDocument={"uri": self.uri, "version": self.version},
            contentChanges=[{"text": text}],
        )

    def ask(self, method, line, column):
        # Columns are counted in UTF-16, as the texts before the places asked for are ASCII.
        return self.server.ask(
            f"textDocument/{method}",
            textDocument={"uri": self.uri},
            position={"line": line, "character": column},
        )

    def diagnostics(self):
        answer = self.server.ask("textDocument/diagnostic", textDocument={"uri": self.uri})
        return answer.get("items", [])


class Question:
    def __init__(self, lines, at, function):
        self.function = function
        kind, rest = re.fullmatch(r"\s*//\? (\w+) (.*)", lines[at]).groups()
        self.kind = kind
        self.code_line = next(
            number for number in range(at, len(lines)) if not lines[number].lstrip().startswith("//?")
        )
        if kind in ("hover", "goto"):
            self.shown, self.wanted = rest.split(": ", 1)
            word = re.search(rf"\b{self.shown}\b", lines[self.code_line])
            self.line, self.column, self.text = self.code_line, word.start(), "\n".join(lines)
            return
        # The names at the end are wanted.
        typed, wanted = re.fullmatch(r"(.*?) ((?:\w+, )*\w+)", rest).groups()
        # The last bar: a closure has others.
        before, _, after = typed.rpartition("|")
        self.shown, self.wanted = typed, wanted.split(", ")
        indent = re.match(r"\s*", lines[self.code_line]).group()
        changed = list(lines)
        changed[self.code_line : self.code_line + (kind == "line")] = [indent + before + after]
        self.line, self.column = self.code_line, len(indent + before)
        self.text = "\n".join(changed)

    def answer(self, file):
        """What is said, and whether it is what is wanted."""
        if self.kind == "hover":
            answer = file.ask("hover", self.line, self.column)
            said = answer["contents"]["value"] if answer else "nothing"
            code = " ".join(said.split())
            return shorten(code), self.wanted in code
        if self.kind == "goto":
            answer = file.ask("definition", self.line, self.column) or []
            places = answer if isinstance(answer, list) else [answer]
            lines = self.text.split("\n")
            found = [
                lines[place["range"]["start"]["line"]].strip() if place["uri"] == file.uri else place["uri"]
                for place in places
            ]
            wanted = self.wanted.removesuffix(" …")
            good = any(wanted in line for line in found) and (len(found) == 1 or wanted != self.wanted)
            return shorten(" / ".join(found) or "nothing"), good
        answer = file.ask("completion", self.line, self.column) or []
        items = answer["items"] if isinstance(answer, dict) else answer
        labels = {re.split(r"[^\w]", item["label"])[0] for item in items}
        missing = [name for name in self.wanted if name not in labels]
        if not missing:
            return ", ".join(self.wanted), True
        return f"no {', '.join(missing)} among {len(items)}: {shorten(', '.join(sorted(labels)))}", False


def shorten(text):
    return text if len(text) < 100 else text[:97] + "…"


def target_folder():
    return os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target" / "editors"


def questions(text):
    lines = text.split("\n")
    function = None
    starts = {}
    # An attribute above a function belongs to it.
    upcoming = [None] * len(lines)
    for number in reversed(range(len(lines))):
        if found := re.match(r"pub (?:async )?fn (\w+)", lines[number]):
            function = found.group(1)
        upcoming[number] = function
    current = None
    for number, line in enumerate(lines):
        if found := re.match(r"pub (?:async )?fn (\w+)", line):
            current = found.group(1)
        if re.match(r"\s*//\? ", line):
            place = upcoming[number] if line.startswith("//?") else current
            yield Question(lines, number, place)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--server", default="rust-analyzer", help="the program")
    parser.add_argument("--sysroot-src", help="the folder `library` of the sources of the standard library")
    parser.add_argument("--only", default="", help="functions of the sample with this in their names")
    parser.add_argument("--all", action="store_true", help="print what is as wanted, too")
    arguments = parser.parse_args()

    text = (HERE / "sample.rs").read_text()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "src").mkdir()
        (root / "Cargo.toml").write_text(MANIFEST.format(repository=REPOSITORY))
        (root / "src" / "lib.rs").write_text(text)
        (root / "Cargo.lock").write_text((REPOSITORY / "Cargo.lock").read_text())
        options = {
            "checkOnSave": False,
            "cargo": {"sysrootSrc": arguments.sysroot_src},
            "completion": {"autoimport": {"enable": False}},
        }
        server = Server([arguments.server], root, options)
        server.until_ready()
        failed = run(server, File(server, root / "src" / "lib.rs", text), arguments)
        server.end()
    sys.exit(1 if failed else 0)


def run(server, file, arguments):
    asked = failed = 0
    for diagnostic in file.diagnostics():
        line = diagnostic["range"]["start"]["line"]
        # Hints, such as that code is not active, are no complaints.
        if diagnostic.get("severity", 1) <= 2:
            failed += 1
            print(f"sample.rs:{line + 1}: {diagnostic['message']}")
    print("| place | asked | | answer |\n|---|---|---|---|")
    for question in questions(file.saved):
        if arguments.only not in question.function:
            continue
        file.type(question.text)
        said, good = question.answer(file)
        asked += 1
        failed += not good
        if arguments.all or not good:
            mark = "yes" if good else "NO"
            shown = question.shown.replace("|", "\\|")
            print(f"| {question.function} | {question.kind} `{shown}` | {mark} | {said} |", flush=True)
    print(f"\n{asked - failed} of {asked} are as wanted")
    return failed


main()
