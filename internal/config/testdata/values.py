#!/usr/bin/env python3
"""Say what Python's ConfigParser makes of values, as JSON.

    python3 values.py > values.json
"""
import configparser
import json
import sys

TEXTS = """
0 1 -1 +1 -0 00 007 10 1_000 1__0 _1 1_ -_1 +-1 0x10 0b1 1L 1e3 1E3 1e+3 1e-3
1.0 .5 5. . -.5 +.5e1 1_0.5 1_.5 1._5 1e1_0 1e_1 1e 1e+ 0x1p-2 1.2.3 1,5 ten
9223372036854775807 9223372036854775808 -9223372036854775808 1e308 1e309 1e-400
inf -inf +Infinity nan NaN infinit yes YES Yes no on off oN OFF true True TRUE
false y n t f 2 enabled 1s 10% 6MB "1" 1;
""".split() + ["", "1 2", "1 # one", "1\n2", "1 000", "- 1", "on off"]


def of(getter):
    """Return what the getter returns, or None where it raises."""
    try:
        value = getter("s", "o")
    except ValueError:
        return None
    return repr(value)


def main():
    found = []
    for text in TEXTS:
        parser = configparser.RawConfigParser()
        parser.read_dict({"s": {"o": text}})
        found.append({"text": text, "int": of(parser.getint),
                      "float": of(parser.getfloat),
                      "boolean": of(parser.getboolean)})
    json.dump(found, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
