"""The algorithm of docs/tokenizer-table.md, from the table alone: what a C++ reader has to do.

It uses nothing of Python's own Unicode: strings are lists of code points, and every property comes from the table.
"""

import json
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path

from safetensors import safe_open

SPACE, LETTER, NUMBER = 1, 2, 3
CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
# Lowercased from other spellings; in their own spelling they are special tokens and never get here.
MARKS = ("<|startoftext|>", "<|endoftext|>")
L_BASE, V_BASE, T_BASE, S_BASE = 0x1100, 0x1161, 0x11A7, 0xAC00
L_COUNT, V_COUNT, T_COUNT = 19, 21, 28


class TableTokenizer:
    """Prompt to ids, begin and end included, neither cut nor padded."""

    def __init__(self, path: Path) -> None:
        with safe_open(path, framework="np") as file:
            table = {key: file.get_tensor(key).tolist() for key in file.keys()}  # noqa: SIM118 - not a mapping
            metadata = file.metadata()
        self.starts = [first for first, _, _ in table["classes"]]
        self.ranges = table["classes"]
        self.lower = _strings(table, "lower")
        self.decomposition = _strings(table, "decompose")
        self.compositions = {(a, b): c for a, b, c in table["compose"]}
        self.combining = dict(table["combining"])
        self.ranks = {(a, b): (rank, c) for rank, (a, b, c) in enumerate(table["merges"])}
        self.bytes = table["bytes"]
        self.specials = _marks(metadata["specials"])
        self.added = _marks(metadata.get("words", "{}"))
        self.spread = json.loads(metadata.get("spread", "[]"))
        self.begin, self.end, self.unknown = (int(metadata[key]) for key in ("begin", "end", "unknown"))

    def encode(self, prompt: str) -> list[int]:
        if self.spread:
            found = self.ids(prompt)
            for id_, word, words in self.spread:
                if id_ in found:
                    prompt = prompt.replace(word, words)
        return [self.begin, *self.ids(prompt), self.end]

    def ids(self, prompt: str) -> list[int]:
        ids = []
        for special in self.split([ord(c) for c in prompt], self.specials):
            normalised = special if isinstance(special, int) else self.normalise(special)
            for part in [normalised] if isinstance(normalised, int) else self.split(normalised, self.added):
                if isinstance(part, int):
                    ids.append(part)
                else:
                    for word in self.words(part):
                        ids += self.merge(word)
        return ids

    def split(self, text: list[int], marks: dict[tuple[int, ...], int]) -> list[list[int] | int]:
        """Cut at every mark, the longest of those that begin at one place."""
        parts: list[list[int] | int] = []
        rest, at = [], 0
        longest_first = sorted(marks, key=len, reverse=True)
        while at < len(text):
            found = next((mark for mark in longest_first if tuple(text[at : at + len(mark)]) == mark), None)
            if found is None:
                rest.append(text[at])
                at += 1
                continue
            parts += [rest, marks[found]]
            rest, at = [], at + len(found)
        return [*parts, rest]

    def normalise(self, text: list[int]) -> list[int]:
        """NFC, runs of space to one blank, lower case."""
        composed = self.compose(self.order([part for code in text for part in self.decompose(code)]))
        spaced: list[int] = []
        for code in composed:
            if self.kind(code) != SPACE:
                spaced.append(code)
            elif not spaced or spaced[-1] != -1:
                spaced.append(-1)
        blanked = [0x20 if code == -1 else code for code in spaced]
        return [part for code in blanked for part in self.lower.get(code, [code])]

    def decompose(self, code: int) -> list[int]:
        index = code - S_BASE
        if not 0 <= index < L_COUNT * V_COUNT * T_COUNT:
            return self.decomposition.get(code, [code])
        parts = [L_BASE + index // (V_COUNT * T_COUNT), V_BASE + index // T_COUNT % V_COUNT]
        return [*parts, T_BASE + index % T_COUNT] if index % T_COUNT else parts

    def order(self, text: list[int]) -> list[int]:
        """Marks by combining class, those of a class as they stand."""
        ordered, start = list(text), 0
        for at in range(len(text) + 1):
            if at == len(text) or not self.combining.get(text[at]):
                ordered[start:at] = sorted(ordered[start:at], key=lambda code: self.combining.get(code, 0))
                start = at
        return ordered

    def compose(self, text: list[int]) -> list[int]:
        made: list[int] = []
        starter, last = -1, 0
        for code in text:
            kind = self.combining.get(code, 0)
            blocked = len(made) - 1 > starter and last >= kind
            joined = None if starter < 0 or blocked else self.join(made[starter], code)
            if joined is not None:
                made[starter] = joined
                continue
            if kind == 0:
                starter = len(made)
            last = kind
            made.append(code)
        return made

    def join(self, first: int, second: int) -> int | None:
        if L_BASE <= first < L_BASE + L_COUNT and V_BASE <= second < V_BASE + V_COUNT:
            return S_BASE + ((first - L_BASE) * V_COUNT + second - V_BASE) * T_COUNT
        index = first - S_BASE
        if 0 <= index < L_COUNT * V_COUNT * T_COUNT and index % T_COUNT == 0 and T_BASE < second < T_BASE + T_COUNT:
            return first + second - T_BASE
        return self.compositions.get((first, second))

    def kind(self, code: int) -> int:
        at = bisect_right(self.starts, code) - 1
        return self.ranges[at][2] if at >= 0 and code <= self.ranges[at][1] else 0

    def words(self, text: list[int]) -> list[list[int]]:
        found, at = [], 0
        while at < len(text):
            mark = next((mark for mark in MARKS if text[at : at + len(mark)] == [*map(ord, mark)]), None)
            if mark is not None:
                found += [[*map(ord, part)] for part in (mark[:2], mark[2:-2], mark[-2:])]
                at += len(mark)
                continue
            length = self.word_length(text, at)
            found.append(text[at : at + length])
            at += length or 1
        return [word for word in found if word]

    def word_length(self, text: list[int], at: int) -> int:
        """How many code points the word at ``at`` has; 0 for space."""
        for ending in CONTRACTIONS:
            if text[at : at + len(ending)] == [*map(ord, ending)]:
                return len(ending)
        kind = self.kind(text[at])
        if kind in (SPACE, NUMBER):
            return int(kind == NUMBER)
        end = at
        while end < len(text) and self.kind(text[end]) == kind:
            end += 1
        return end - at

    def merge(self, word: list[int]) -> list[int]:
        raw = "".join(map(chr, word)).encode()
        ids = [self.bytes[byte][index == len(raw) - 1] for index, byte in enumerate(raw)]
        ids = [self.unknown if id_ < 0 else id_ for id_ in ids]
        while len(ids) > 1:
            pairs = enumerate(pairwise(ids))
            (rank, merged), at = min((self.ranks.get(pair, (1 << 30, 0)), at) for at, pair in pairs)
            if rank == 1 << 30:
                break
            ids[at : at + 2] = [merged]
        return ids


def _marks(text: str) -> dict[tuple[int, ...], int]:
    return {tuple(map(ord, mark)): id_ for mark, id_ in json.loads(text).items()}


def _strings(table: dict[str, list[int]], name: str) -> dict[int, list[int]]:
    at, to = table[f"{name}_at"], table[f"{name}_to"]
    return {code: to[at[i] : at[i + 1]] for i, code in enumerate(table[f"{name}_from"])}
