"""An app that numbers its lines, and what of them was seen: each once and in order, or what is wrong.

Each run of a process has a name of its own: a process that is started again in place begins again at 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

COMMAND = (
    "httpd -p ${PORT:-5000} -h /www; "
    "read run < /proc/sys/kernel/random/uuid; n=0; "
    "trap 'echo $run ends after $n; exit 0' TERM; "
    "while true; do echo $run says $((n+=1)); usleep ${PAUSE:-20000}; done"  # one command: no trap comes between
)
PROCFILE = f"web: {json.dumps(COMMAND)}"

_SAID = re.compile(r"\b(?P<run>[0-9a-f]{8}-[0-9a-f-]{27}) (?P<word>says|ends after) (?P<number>\d+)$")


@dataclass
class Counted:
    """What was seen of the runs: their numbers in the order in which they came, and where they said that they end."""

    said: dict[str, list[int]] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[str]) -> Counted:
        """What lines tell, of whatever form before their text."""
        counted = cls()
        for line in lines:
            if found := _SAID.search(line):
                numbers = counted.said.setdefault(found["run"], [])
                if found["word"] == "says":
                    numbers.append(int(found["number"]))
                else:
                    counted.ended[found["run"]] = int(found["number"])
        return counted

    def wrong(self, *, begun: bool = True) -> list[str]:
        """What of it is not each number once, in order, up to the end; `begun`: from 1 on."""
        found = []
        for run, numbers in self.said.items():
            first = 1 if begun or not numbers else numbers[0]
            last = self.ended.get(run, numbers[-1] if numbers else 0)
            if numbers != list(range(first, last + 1)):
                found.append(f"{run}: {spans(numbers)} of {first} to {last}")
        return found


def spans(numbers: Iterable[int]) -> str:
    """Numbers as runs: `1-5 7-9 8-8`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join(f"{first}-{last}" for first, last in runs) or "none"
