"""``python -m tests.parity.tokens FOLDER COUNT``: the ids of many prompts, three ways, for a tokenizer of one's own.

FOLDER is a CLIPTokenizer as transformers saves it. Prints how many prompts had other ids with the runtime's tokenizer
and with the table, each compared with transformers; exits 1 if any had.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.exporter.prompts import BY_HAND, random_prompts
from tests.exporter.table_tokenizer import TableTokenizer
from tokenizers import Tokenizer
from transformers import CLIPTokenizer

from accel_exporter.tokenizer_table import tokenizer_table
from accel_runtime.base.arrays import encode_arrays
from accel_runtime.manifest import TextSpec
from accel_runtime.text.clip_tokenizer import read_tokenizer
from accel_runtime.text.tokens import PromptTokenizer

LENGTH = 77


def differing(folder: Path, prompts: Sequence[str]) -> dict[str, int]:
    """How many prompts have other ids than transformers gives them, by who made the ids."""
    theirs = CLIPTokenizer.from_pretrained(folder)
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        theirs.backend_tokenizer.save(str(made / "tokenizer.json"))
        (made / "table").write_bytes(encode_arrays(*tokenizer_table(Tokenizer.from_file(str(made / "tokenizer.json")))))
        spec = TextSpec(tokenizer="tokenizer.json", table=None, max_length=LENGTH, pad_id=theirs.pad_token_id)
        runtime, table = (
            PromptTokenizer(read_tokenizer((made / "tokenizer.json").read_bytes(), made), spec),
            TableTokenizer(made / "table"),
        )
    padded = theirs(list(prompts), padding="max_length", truncation=True, max_length=LENGTH).input_ids
    whole = theirs(list(prompts)).input_ids
    return {
        "runtime": sum(runtime.encode(p).ids.tolist() != ids for p, ids in zip(prompts, padded, strict=True)),
        "table": sum(table.encode(p) != ids for p, ids in zip(prompts, whole, strict=True)),
    }


if __name__ == "__main__":
    prompts = [*BY_HAND, *random_prompts(int(sys.argv[2]), seed=0)]
    found = differing(Path(sys.argv[1]), prompts)
    sys.stdout.write(f"{len(prompts)} prompts; other ids: {found}\n")
    sys.exit(any(found.values()))
