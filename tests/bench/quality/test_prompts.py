"""Files of prompts, in five forms."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_bench.quality.prompts import Row, read_prompts, read_rows
from accel_runtime.errors import InputError

# A text file can hold no prompt with a line break, nor one that begins as a comment or as JSON does.
PROMPT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text and text[0] not in "#[{\ufeff"
)


def coco(*entries: tuple[int, str]) -> str:
    """As COCO writes it, other keys included."""
    annotations = [{"image_id": image, "id": index, "caption": text} for index, (image, text) in enumerate(entries)]
    return json.dumps({"info": {"year": 2014}, "images": [{"id": 7}], "annotations": annotations})


def read(folder: Path, content: str | bytes) -> tuple[str, ...]:
    path = folder / "prompts"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_prompts(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forms")


def test_text_has_a_prompt_a_line_and_comments(tmp_path: Path) -> None:
    assert read(tmp_path, "# birds\r\n\r\na red bird \n   \n  # none\n\ta #1 bird") == ("a red bird", "a #1 bird")


def test_a_json_list_is_read_in_its_order_and_may_hold_any_text(tmp_path: Path) -> None:
    assert read(tmp_path, '\n ["# b", " a ", "", "a", "two\\nlines"]') == ("# b", "a", "a", "two\nlines")


def test_coco_gives_the_first_caption_of_each_picture_that_says_something(tmp_path: Path) -> None:
    entries = ((9, " A cat. \n"), (3, ""), (9, "Another."), (3, "A dog."), (1, "A cat."))

    assert read(tmp_path, coco(*entries)) == ("A cat.", "A dog.", "A cat.")


def test_the_mark_that_windows_puts_before_a_text_is_no_part_of_it(tmp_path: Path) -> None:
    assert read(tmp_path, b'\xef\xbb\xbf["a"]') == ("a",)
    assert read(tmp_path, b"\xef\xbb\xbfa") == ("a",)


@pytest.mark.parametrize("name", ["prompts.txt", "prompts.json", "prompts"])
def test_the_name_of_a_file_says_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('["a"]')
    assert read_prompts(path) == ("a",)
    path.write_text("a")
    assert read_prompts(path) == ("a",)


@given(prompts=st.lists(PROMPT, min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_the_three_forms_of_the_same_prompts_read_the_same(folder: Path, prompts: Sequence[str]) -> None:
    forms = ("\n".join(prompts), json.dumps(prompts), coco(*enumerate(prompts)))

    assert [read(folder, form) for form in forms] == [tuple(prompts)] * 3


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "at least one prompt, got none"),
    "comments alone": ("# a\n\n  # b", "at least one prompt, got none"),
    "an empty list": ("[]", "at least one prompt, got none"),
    "blank strings": ('["", " "]', "at least one prompt, got none"),
    "no annotations": ('{"annotations": []}', "at least one prompt, got none"),
    "another encoding": ("a caf\u00e9".encode("latin-1"), "expected UTF-8, got .* at byte 5"),
    "a list that does not end": ('["a", ', r"expected JSON, since it begins with \[: .*truncated"),
    "a weighted prompt": ("[cat|dog], oil\n", "malformed.*: if it is text, begin it with a # line"),
    "something after the list": ('["a"] b', "trailing characters"),
    "a list of numbers": ('["a", 1]', r"Expected `str`, got `int` - at `\$\[1\]`"),
    "lists too deep": ("[" * 100_000, r"Expected `str`, got `array` - at `\$\[0\]`"),
    "objects too deep": ('{"a":' * 100_000, "expected JSON, since .* maximum recursion depth"),
    "another object": ('{"prompts": ["a"]}', "missing required field `annotations`"),
    "annotations of another type": ('{"annotations": {}}', r"Expected `array`, got `object` - at `\$\.annotations`"),
    "a picture by its name": (
        '{"annotations": [{"image_id": "x", "caption": "a"}]}',
        r"Expected `int`, got `str` - at `\$\.annotations\[0\]\.image_id`",
    ),
    "a row of another key": ('{"prompt": "a"}\n{"prompt": "b", "sede": 1}', "line 2: .*unknown field `sede`"),
    "a row without prompt": ('{"prompt": "a"}\n{"seed": 1}', "line 2: .*missing required field `prompt`"),
    "a line that does not end": ('{"prompt": "a"}\n{"prompt": "b"', "line 2: .*truncated"),
    "another column": ("prompt,sede\na,1", "column 'sede': expected prompt, negative_prompt, seed"),
    "a column twice": ("prompt,seed,seed\na,1,2", "expected each column once"),
    "a seed in words": ("prompt,seed\na,b\n", r"line 2: Expected `int | null`, got `str`"),
    "a comma too many": ("prompt,seed\na cat, red,1\n", "line 2: expected as many cells as columns, got more"),
    "a quote that does not end": ('prompt,seed\n"a,1\n', "unexpected end of data"),
    "no height": ('{"prompt": "a", "height": 0}', "line 1: Expected `int` >= 1"),
    "an annotation without caption": ('{"annotations": [{"image_id": 1}]}', "missing required field `caption`"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_of_no_prompts_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    content, message = BROKEN[name]

    with pytest.raises(InputError, match=message) as raised:
        read(tmp_path, content)
    assert str(raised.value).startswith(f"{tmp_path / 'prompts'}: ")
    assert "\n" not in str(raised.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: cannot be read: No such file"):
        read_prompts(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_prompts(tmp_path)


def test_text_that_begins_as_json_does_is_text_after_a_comment(tmp_path: Path) -> None:
    assert read(tmp_path, "# prompts\n[cat|dog], oil\n") == ("[cat|dog], oil",)


def test_rows_tell_more_than_prompts(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text(
        '{"prompt": " a ", "seed": 7}\n\n{"prompt": ""}\n{"negative_prompt": "b", "prompt": "c", "id": 3}\n'
    )
    assert read_rows(path) == (Row("a", seed=7), Row("c", negative_prompt="b", id=3))
    path.write_text('prompt,seed,id\r\n"a, b",7,x\r\n,,\r\n"say ""c""",,\r\n')
    assert read_rows(path) == (Row("a, b", seed=7, id="x"), Row('say "c"'))
    path.write_text(coco((9, "A cat."), (3, "A dog.")))
    assert read_rows(path) == (Row("A cat.", id=9), Row("A dog.", id=3))
    assert read_prompts(path) == ("A cat.", "A dog.")
