"""What names a version, and what a sample of files that are not read here looks like."""

from pathlib import Path

import pandas as pd
import pytest

import pilothouse as ph
from pilothouse.model_files import read_model
from pilothouse.references import parse_ref


def test_a_version_is_named_by_number_alias_or_model() -> None:
    assert parse_ref("reader:3") == ph.TargetInput(model="reader", version=3)
    assert parse_ref("reader@champion") == ph.TargetInput(model="reader", alias="champion")
    assert parse_ref("reader") == ph.TargetInput(model="reader")
    for wrong in ("", ":3", "reader:", "reader@", "reader:x", "reader:3@a"):
        with pytest.raises(ph.InvalidError, match="give model:number, model@alias, or model"):
            parse_ref(wrong)


def test_a_table_is_a_sample_of_one_input_a_column(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(b"")
    read = read_model(tmp_path / "model.skops", pd.DataFrame({"age": [25, 47], "plan": ["basic", "pro"]}))
    assert read.sample == [
        {"name": "age", "datatype": "INT64", "shape": [2, 1], "data": [25, 47]},
        {"name": "plan", "datatype": "BYTES", "shape": [2, 1], "data": ["basic", "pro"]},
    ]
