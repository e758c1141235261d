#!/usr/bin/env python3
"""Say what Python's ConfigParser makes of the files below, as JSON.

    python3 record.py > cases.json

Needs Python 3.10 or later: earlier ones end a section's name at the first "]".
"""
import configparser
import json
import os
import sys
import tempfile

# Each case is the texts of files that are read one after the other.
CASES = [
    # Sections.
    [""],
    ["\n\n# only a comment\n; and another\n"],
    ["[a]\n"],
    ["[a]\nx = 1\n[b]\nx = 2\n"],
    ["[ a ]\nx = 1\n"],
    ["[a] trailing text\nx = 1\n"],
    ["[a] # see [1]\nx = 1\n"],
    ["[a]b]\nx = 1\n"],
    ["[]]\nx = 1\n"],
    ["[]\nx = 1\n"],
    ["[s]\n[]\n[]= 1\n"],
    ["[s]\n[x = 1\n"],
    ["[a=b]\nx = 1\n"],
    ["[default]\nx = 1\n[DEFAULT]\nx = 2\n[s]\n"],
    ["  [a]\n  x = 1\n"],
    ["[a]\nx = 1\n  [b]\n"],
    ["[a]\n  x = 1\n[b]\n  y = 2\n"],
    ["[a]\nx = 1\n[b]\n[a]\n"],
    ["[a]\nx = 1\n[a]\ny = 1\n"],
    ["[DEFAULT]\nx = 1\n[a]\ny = 2\n[DEFAULT]\nz = 3\n"],
    ["[DEFAULT]\nx = 1\n[a]\n[DEFAULT]\nx = 2\n"],
    ["x = 1\n[a]\n"],
    ["\n# c\n  x = 1\ny\n[a]\n"],
    ["[\u00e4\u00f6]\n\u00fc = \u20ac\n"],
    # Options, delimiters, names.
    ["[s]\na=1\nb:2\nc = 3\nd : 4\ne=:5\nf:=6\ng = a=b:c\n"],
    ["[s]\nkey with space = v\nkey\twith\ttab\t=\tv\n"],
    ["[s]\nA = 1\nLoNg-Name_2 = 2\n"],
    ["[s]\na = 1\nA = 2\n"],
    ["[s]\na = 1\na = 2\n"],
    ["[s]\na =\nb:\n c = x\n"],
    ["[s]\na\n"],
    ["[s]\na\nb\nc = 1\nd\n"],
    ["[s]\na = 1\nfoo\nbar = 2\na = 3\n"],
    ["[s]\n= 1\n"],
    ["[s]\n: 1\nb = 2\n"],
    ["[s]\n\u00c4\u00d6 = 1\n"],
    ["[s]\na = \"quoted\"\nb = 'x'\n"],
    ["[s]\na = 1\\\nb = \\n\n"],
    ["[s]\na = %(x)s %\n"],
    # Comments.
    ["[s]\na = 1 # not a comment\nb = 2 ; nor this\n"],
    ["[s]\n# c\n ; d\n\t# e\na = 1\n"],
    ["[s]\na = # x\nb = ;\n"],
    ["[s]\na#b = 1\n"],
    ["[s]\na = 1\n # inside\n 2\n# flush\n 3\n"],
    ["[s]\na = 1\n2 # x\n"],
    # Continuation lines.
    ["[s]\na = 1\n 2\n\t3\n"],
    ["[s]\na =\n 1\n 2\nb = 3\n"],
    ["[s]\na = 1\n\n 2\n\n\nb = 3\n"],
    ["[s]\na = 1\n\n\n"],
    ["[s]\na = 1\n   \n 2\n"],
    ["[s]\n  a = 1\n  b = 2\n"],
    ["[s]\n  a = 1\n    b = 2\n"],
    ["[s]\n  a = 1\n b = 2\n  c = 3\n"],
    ["[s]\na = 1\n [t]\nb = 2\n"],
    ["[s]\na = 1\n b\n"],
    ["[s]\n a\nb = 1\n  c\nd\n  e\n"],
    ["[s]\na = 1\n  # c\n\n  2\n"],
    ["[s]\na = 1\n   2\n # x\n 3\n"],
    ["[s]\na = 1\n\u00a02\n\u30003\n"],
    ["[s]\na =\u00a0 1\u2003\n\u00a0\n"],
    ["[s]\na = 1\x1c\n\x1d2\nb = 3\x0b\x0c\n"],
    ["[s]\n\ta = 1\n b = 2\n"],
    # Line ends.
    ["[s]\r\na = 1\r\n 2\r\n\r\nb = 3\r\n"],
    ["[s]\ra = 1\rb = 2"],
    ["[s]\na = 1\r\r\n 2\n"],
    ["[s]\na = x\x00y\n"],
    ["[s]\na = x\x85y\u2028z\n"],
    ["[s]\na = 1"],
    # DEFAULT shows through.
    ["[DEFAULT]\nx = 1\ny = 2\n[s]\ny = 3\nz = 4\n"],
    ["[s]\nz = ${x}\n[DEFAULT]\nx = 1\n"],
    ["[DEFAULT]\nd = ${base}/d\n[s]\nbase = /s\n[t]\nbase = /t\n[u]\n"],
    # Several files.
    ["[s]\na = 1\nb = 2\n", "[s]\na = 3\nc = 4\n"],
    ["[s]\na = 1\n", "[t]\nb = ${s:a}\n[s]\na = 2\n 3\n"],
    ["[DEFAULT]\na = 1\n[s]\n", "[DEFAULT]\na = 2\n"],
    ["[b]\nx = 1\ny = 1\n[a]\n", "[a]\n[b]\ny = 2\nx = 2\nw = 2\n[c]\n"],
    ["[s]\na = 1\n", "[s]\na = 2\nA = 3\n"],
    ["[s]\na = 1\n", "  b = 2\n"],
    # Interpolation.
    ["[s]\na = 1\nb = ${a}${a} x${a}y\n"],
    ["[s]\na = 1\n[t]\nb = ${s:a}/${s:A}\nc = ${B}\n"],
    ["[s]\na = $$\nb = $${a}\nc = ${a}\nd = $$$$\n"],
    ["[s]\na = $\n"],
    ["[s]\na = 1$\nb = x$y\nc = $$$\nd = $(x)\n"],
    ["[s]\na = ${\nb = ${x\nc = ${}\nd = ${a}\n"],
    ["[s]\na = ${nope}\nb = ${t:x}\nc = ${s:nope}\nd = ${:a}\ne = ${s:}\n"],
    ["[s]\na = 1\nb = ${s:a:x}\nc = ${s::a}\n"],
    ["[s]\nx = 1\na = ${ x }\nb = ${ s:x}\nc = ${s: x}\n"],
    ["[s]\na = ${a}\n"],
    ["[s]\na = ${b}\nb = ${c}\nc = ${a}\n"],
    ["[s]\na = ${t:b}\n[t]\nb = ${s:a}\n"],
    ["[s]\n" + "".join("a%d = ${a%d}\n" % (i, i + 1) for i in range(10)) + "a10 = end\n"],
    ["[s]\n" + "".join("a%d = ${a%d}\n" % (i, i + 1) for i in range(11)) + "a11 = end\n"],
    ["[s]\n" + "".join("a%d = ${a%d}\n" % (i, i + 1) for i in range(9)) + "a9 = $$end\n"],
    ["[s]\n" + "".join("a%d = ${a%d}\n" % (i, i + 1) for i in range(10)) + "a10 = $$end\n"],
    ["[s]\na = ${b}\nb = $x\n"],
    ["[s]\na = ${t:b}\n[t]\nb = ${c}\n"],
    ["[s]\na = ${DEFAULT:x} ${t:x}\n[t]\n[DEFAULT]\nx = 1\n"],
    ["[DEFAULT]\nx = ${s:a}\n[s]\na = 1\n"],
    ["[s]\na = 1\nb = ${a\n }\n"],
    ["[s]\na\nb = x\n 1\n"],
    ["[s]\na = l1\n l2 $$\nb = <${a}>\n"],
    ["[s]\nx${y = 1\nb = ${x${y}\n"],
    ["[s]\na = ${x\n"],
    ["[s]\nA = 1\nb = ${A} ${a}\n"],
    ["[s]\nb = ${DEFAULT:a}\n"],
    ["[s]\na = ok ${b} ${nope}\nb = $\n"],
    ["[paths]\nbase-dir = /x\n[pull]\ndst-dir = ${paths:base-dir}/incoming\n"
     "tmp-dst-dir = ${dst-dir}.tmp\n"],
]


def fault(exc):
    """Describe what ConfigParser raised."""
    found = {"kind": type(exc).__name__}
    if isinstance(exc, configparser.MissingSectionHeaderError):
        found["lines"] = [exc.lineno]
    elif isinstance(exc, configparser.ParsingError):
        found["lines"] = [number for number, _ in exc.errors]
    elif hasattr(exc, "lineno"):
        found["lines"] = [exc.lineno]
    if hasattr(exc, "section"):
        found["section"] = exc.section
    if hasattr(exc, "option"):
        found["option"] = exc.option
    return found


def record(files, directory):
    """Read the files and list everything the parser then holds."""
    parser = configparser.ConfigParser(
        interpolation=configparser.ExtendedInterpolation())
    found = {"files": files}
    for text in files:
        path = os.path.join(directory, "file")
        with open(path, "wb") as out:
            out.write(text.encode("utf-8"))
        try:
            parser.read(path, encoding="utf-8")
        except configparser.Error as exc:
            found["fault"] = fault(exc)
            return found
    found["sections"] = parser.sections()
    found["options"] = []
    for section in ["DEFAULT"] + parser.sections():
        for option in parser[section]:
            entry = {"section": section, "option": option,
                     "raw": parser.get(section, option, raw=True)}
            try:
                entry["value"] = parser.get(section, option)
            except configparser.Error as exc:
                entry["fault"] = fault(exc)
            found["options"].append(entry)
    return found


def main():
    with tempfile.TemporaryDirectory() as directory:
        cases = [record(files, directory) for files in CASES]
    json.dump(cases, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
