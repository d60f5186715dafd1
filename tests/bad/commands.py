# ruff: noqa: E501, a table is easier to read with a line for each case
"""Commands that cannot be: what is typed, the files there, and how the refusal begins.

In the folder are always ``good.csv`` (20 rows of a, b and y, which is yes or no), ``numbers.csv`` (the same
with numbers as y) and two models, ``classes.safetensors`` and ``numbers.safetensors``, trained on these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class BadCommand:
    """A command, the files (or links to these paths) that it finds, and the beginning of its one line."""

    typed: str
    message: str
    files: dict[str, str | bytes | Path] = field(default_factory=dict)


def rows(*others: str, n: int = 20, y: tuple[str, str] = ("no", "yes")) -> str:
    """A table that can be used, followed by these lines."""
    return "\n".join(["a,b,y", *(f"{i * 3},{i * i % 7},{y[i % 2 == 0]}" for i in range(n)), *others]) + "\n"


def train(options: str, message: str, **files: str | bytes | Path) -> BadCommand:
    named = {name.replace("_", ".", 1): content for name, content in files.items()}
    return BadCommand(f"train good.csv --target y -o new/out {options}", message, named)


def table(content: str | bytes, message: str) -> BadCommand:
    return BadCommand("train t.csv --target y -o new/out", f"t.csv: {message}", {"t.csv": content})


def weighted(weight: str, message: str, others: str = "1") -> BadCommand:
    lines = "".join(
        f"{i * i % 7},{others if i != 4 else weight},{'no' if i % 2 else 'yes'}\n" for i in range(20)
    )
    return BadCommand(
        "train t.csv --target y --weight w -o new/out", f"t.csv: {message}", {"t.csv": "a,w,y\n" + lines}
    )


def config(content: str | bytes, message: str) -> BadCommand:
    return train("--config run.toml", f"run.toml: {message}", run_toml=content)


TABLES = {
    "no such file": BadCommand("train no.csv --target y -o new/out", "no.csv: No such file or directory"),
    "a folder without tables": BadCommand("train in --target y -o new/out", "in: expected files of csv, tsv, parquet, arrow in it, got none", {"in/notes.txt": ""}),
    "an unknown suffix": BadCommand("train t.xlsx --target y -o new/out", "t.xlsx: expected a suffix of .csv", {"t.xlsx": "x"}),
    "an empty file": table("", "the file is empty"),
    "blank lines only": table("\n\n\n", "the file is empty"),
    "only a header": table("a,b,y\n", "the file has a header but no rows"),
    "JSON": BadCommand("train t.json --target y -o new/out", "t.json: expected a suffix of .csv .tsv .tab .parquet .pq .arrow .arrows .feather .jsonl .ndjson .npz, perhaps with one of .gz .bz2 .xz .zst .zip after it, got '.json'; --format tells the format whatever the suffix (for JSON lines, jsonl)", {"t.json": "{}"}),
    "Parquet by another name": table(b"PAR1\0\0", "expected text in utf-8, got a binary file; it looks like Parquet: --format parquet"),
    "gzip by another name": table(b"\x1f\x8b\x08\0\0\0", "expected text in utf-8, got a binary file; it looks like gzip (.gz): decompress it first, or name"),
    "a binary file": table(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "expected text in utf-8, got a binary file"),
    "another encoding": table(rows("1,2,für").encode("latin-1"), "line 22: expected text in utf-8, got the byte 0xfc; --encoding names another, such as cp1252 or utf-16"),
    "UTF-16": table(rows().encode("utf-16"), "expected text in utf-8, got utf-16; --encoding names another, such as cp1252 or utf-16"),
    "an open quote": table(rows('1,2,"yes'), "line 22: "),
    "a long row": table(rows("1,2,yes,3"), "line 22: expected 3 fields as the header, got 4"),
    "a short row": table(rows("1,2"), "line 22: expected 3 fields as the header, got 2"),
    "every row longer": table("a,y\n" + "1,2,3\n" * 20, "line 2: expected 2 fields as the header, got 3"),
    "a name twice": table("a,a,y\n" + "1,2,3\n" * 20, "expected distinct column names, got 'a' more than once"),
    "no target column": table(rows().replace("y", "why", 1), "there is no column 'y'; did you mean 'why'? columns: 'a', 'b', 'why'"),
    "a target of other case": BadCommand("train good.csv --target Y -o new/out", "good.csv: there is no column 'Y'; did you mean 'y'?"),
    "another separator": train("--separator ;", "good.csv: the header has no ';', but ',': is that the separator?"),
    "a huge target": table(rows("1,2,-1e300", y=("1.5", "2")), "expected the target 'y' in other units"),
    "a tiny target": table(rows(y=("1.5e-200", "2e-200")), "expected the target 'y' in other units"),
    "an infinite target": table(rows("1,2,inf", y=("1.5", "2")), "column 'y': expected a finite number, got inf in row 21"),
    "a target without values": table("a,y\n" + "1,\n" * 20, "the target 'y' has no value"),
    "a target of dates": table("a,y\n" + "".join(f"{i},2026-01-{i + 1:02}\n" for i in range(20)), "expected the target 'y' to be classes or numbers, got dates"),
    "one class": table(rows(y=("no", "no")), "expected two classes or more in the target 'y', got only 'no'"),
    "one value": table("a,y\n" + "".join(f"{i},2.5\n" for i in range(20)), "expected the target 'y' to vary, got 2.5 in every row"),
    "a class with one row": table(rows("1,2,maybe"), "expected at least two rows of each class of 'y', got one of 'maybe' in row 21"),
    "a weight of words": weighted("heavy", "column 'w': expected a number, got 'heavy' in row 5"),
    "a negative weight": weighted("-1", "column 'w': expected a weight of at least 0, got -1.0 in row 5"),
    "a weight that is missing": weighted("", "column 'w': expected a weight of at least 0, got nan in row 5"),
    "rows without a header": table("1,2.5\n3,4.5\n", "the first line looks like data, not like names of columns ('1', '2.5'); --no-header names the columns column_1, column_2, ...; --header takes the line for names still"),
    "infinity among numbers": table(rows("1,inf,yes"), "column 'b': expected a finite number, got inf in row 21; mend it, or leave the column out with --ignore, or take such numbers for missing ones with --infinite-as-missing"),
    "a header of JSON lines": BadCommand("train t.jsonl --target y --no-header -o new/out", "t.jsonl: --header: expected none for a file of JSON lines, got False", {"t.jsonl": '{"y": 1}'}),
    "an infinite weight": weighted("inf", "column 'w': expected a finite number, got inf in row 5"),
    "weights of nothing": weighted("0", "column 'w': expected a weight above 0, got zeros alone", others="0"),
    "no feature": table("y\n" + "1\n2\n" * 20, "there is no column besides the target 'y' to predict it from"),
    "too few rows": table(rows(n=9), "too few rows: expected at least 10, got 9"),
    "too few rows with a target": table(rows(*["1,2,"] * 9, n=9), "too few rows: expected at least 10, got 9"),
    "too few rows for the classes": BadCommand(
        "train t.csv --target y -o new/out",
        "too few rows: 12 leave 2 for the test part, which has to hold 6 classes",
        {"t.csv": "a,y\n" + "".join(f"{i},c{i % 6}\n" for i in range(12))},
    ),
    "infinity": BadCommand(
        "train t.csv --target y -o new/out",
        "t.csv: column 'b': expected a finite number, got -inf in row 4; mend it, or leave the column out with --ignore",
        {"t.csv": rows().replace("9,2,no", "9,-inf,no")},
    ),
    "nothing but a constant": BadCommand(
        "train t.csv --target y -o new/out",
        "t.csv: no column can be used: 'a' (left out: the same value in every row)",
        {"t.csv": "a,y\n" + "".join(f"1,{'no' if i % 2 else 'yes'}\n" for i in range(20))},
    ),
}  # fmt: skip

OPTIONS = {
    "no target": BadCommand("train good.csv", "Missing option '--target'."),
    "no data": BadCommand("train --target y", "Missing argument 'DATA'."),
    "an unknown option": train("--frobnicate", "No such option: --frobnicate"),
    "a misspelt option": train("--epoch 3", "No such option: --epoch"),
    "an ignored column that is not there": train("--ignore c", "good.csv: there is no column 'c'; columns: 'a', 'b', 'y'"),
    "ignored columns at once": train("--ignore a,b", "good.csv: there is no column 'a,b'; did you mean 'b'? columns: 'a', 'b', 'y'; --ignore names one column and may be repeated"),
    "the target ignored": train("--ignore y", "the target 'y' cannot be ignored"),
    "a weight that is not there": train("--weight w", "good.csv: there is no column 'w'; columns: 'a', 'b', 'y'"),
    "the target as weight": train("--weight y", "Invalid value for '--weight': expected another column than the target 'y'"),
    "a group that is not there": train("--group w", "good.csv: there is no column 'w'; columns: 'a', 'b', 'y'"),
    "a time that is not there": train("--time w", "good.csv: there is no column 'w'; columns: 'a', 'b', 'y'"),
    "the target as group": train("--group y", "Invalid value for '--group': expected another column than the target 'y'"),
    "the target as time": train("--time y", "Invalid value for '--time': expected another column than the target 'y'"),
    "group and time": train("--group a --time b", "Invalid value for '--time': expected no --group with it"),
    "a group and nothing to split": train("--group a --test t.csv --patience 0", "Invalid value for '--group': expected not both --test and --patience 0 with it, which leave nothing to split", t_csv=rows()),
    "a time and nothing to split": train("--time a --test t.csv --validation v.csv", "Invalid value for '--time': expected not both --test and --validation with it, which leave nothing to split", t_csv=rows(), v_csv=rows()),
    "a time of words": BadCommand("train t.csv --target y --time w -o new/out", "t.csv: column 'w': expected dates or numbers, got 'late' in row 1; kind = \"date\" in the file that --columns names says how dates are written", {"t.csv": "w,x,y\n" + "".join(f"late,{i * i % 7},{i % 2}\n" for i in range(20))}),
    "a time without values": BadCommand("train t.csv --target y --time w -o new/out", "t.csv: column 'w': expected dates or numbers, got missing values alone", {"t.csv": "w,x,y\n" + "".join(f",{i * i % 7},{i % 2}\n" for i in range(20))}),
    "a time that never changes": BadCommand("train t.csv --target y --time w -o new/out", "column 'w': too few times: expected older and newer rows, got 20 of the same time", {"t.csv": "w,x,y\n" + "".join(f"2024,{i * i % 7},{i % 2}\n" for i in range(20))}),
    "a single group": BadCommand("train t.csv --target y --group w -o new/out", "column 'w': too few groups: expected at least two to hold one out, got one", {"t.csv": "w,x,y\n" + "".join(f"p,{i * i % 7},{i % 2}\n" for i in range(20))}),
    "everything ignored or a weight": train("--ignore a --weight b", "good.csv: there is no column besides the target 'y'"),
    "an embedding of numbers": train("--embedding", "Invalid value for '--embedding': expected a column with categories, and there is none"),
    "gradients of embeddings": train("--gradient-importance --embedding", "Invalid value for '--gradient-importance': expected no --embedding with it: a vector's category has no gradient"),
    "everything ignored": train("--ignore a --ignore b", "good.csv: there is no column besides the target 'y'"),
    "an unknown task": train("--task guess", "Invalid value for '--task': expected one of auto, classification, ordinal, regression"),
    "words without an order": BadCommand("train t.csv --target y --task ordinal -o new/out", "t.csv: expected an order of the classes 'hot', 'ice' of 'y', got none; name it, lowest first, such as --order hot,ice", {"t.csv": rows(y=("hot", "ice"))}),
    "an order without a class": train("--order yes,maybe", "good.csv: --order: expected all classes of 'y', got none of 'no'"),
    "an order of another task": train("--order no,yes --task classification", "good.csv: --order: expected the task ordinal with it, got classification"),
    "a class twice in an order": train("--order no,yes,no", "Invalid value for '--order': expected distinct names such as low,medium,high, got 'no,yes,no'"),
    "an order of one": train("--order no", "Invalid value for '--order': expected distinct names such as low,medium,high, got 'no'"),
    "class weights of an order": train("--order no,yes --class-weight balanced", "Invalid value for '--class-weight': expected --task classification with it, got ordinal; a column of weights is for any task: --weight"),
    "regression of words": train("--task regression", "good.csv: regression needs a numeric target, got 'yes' in 'y'"),
    "an unknown format": train("--format xls", "Invalid value for '--format': expected one of csv, tsv, parquet"),
    "another format": train("--format parquet", "good.csv: not a Parquet file, or a damaged one"),
    "an unknown encoding": train("--encoding utf-9", "Invalid value for '--encoding': expected an encoding that Python knows, such as cp1252, got 'utf-9'"),
    "an encoding that is none of text": train("--encoding hex", "Invalid value for '--encoding': expected an encoding that Python knows, such as cp1252, got 'hex'"),
    "no encoding": train("--encoding ''", "Invalid value for '--encoding': expected an encoding that Python knows, such as cp1252, got ''"),
    "another encoding than the one named": train("--encoding cp1252 --test v.csv", "v.csv: line 3: expected text in cp1252, got the byte 0x81; --encoding names another", v_csv=b"a,b,y\n1,2,yes\n\x81,2,no\n"),
    "an encoding of no text": train("--encoding cp1252 --test v.npz", "v.npz: --encoding: expected none for an .npz archive, got 'cp1252'", v_npz=b"PK"),
    "no separator": train("--separator ''", "Invalid value for '--separator': expected one character, got ''"),
    "no levels": train("--max-levels 0", "Invalid value for '--max-levels': expected a whole number from 1 to 10,000, or 'auto', got 0"),
    "intervals of a negative number": train("--bins -1", "Invalid value for '--bins': expected a whole number from 0 to 1,000, or 'auto', got -1"),
    "intervals in words": train("--bins many", "Invalid value for '--bins': expected a whole number from 0 to 1,000, or 'auto', got 'many'"),
    "no test rows": train("--test-size 0", "Invalid value for '--test-size': expected a number of more than 0 and less than 1, got 0"),
    "nothing but test rows": train("--test-size 1.0", "Invalid value for '--test-size': expected a number of more than 0 and less"),
    "a test size that is no number": train("--test-size nan", "Invalid value for '--test-size': expected a number"),
    "a validation size of words": train("--validation-size some", "Invalid value for '--validation-size': expected a number of"),
    "a validation file that is not there": train("--validation no.csv", "no.csv: No such file or directory"),
    "a validation file of other columns": train("--validation v.csv", "v.csv: there is no column 'b'; columns: 'a', 'y'", v_csv="a,y\n1,yes\n"),
    "a test file of other classes": train("--test v.csv", "v.csv: column 'y': expected one of the classes 'no', 'yes', got 'maybe' in row 2", v_csv="a,b,y\n1,2,yes\n3,4,maybe\n"),
    "a test file that is trained on": train("--test ./good.csv", "Invalid value for '--test': expected another file than DATA, got good.csv"),
    "a validation file that is trained on": train("--validation link.csv", "Invalid value for '--validation': expected another file than DATA, got link.csv", link_csv=Path("good.csv")),
    "standard input to train on and to test": BadCommand("train - --target y --test - -o new/out", "Invalid value for '--test': expected another file than DATA, got -"),
    "a test file that lacks columns": train("--test v.csv", "v.csv: there are no columns 'a', 'b'; columns: 'y'", v_csv="y\nyes\n"),
    "a test file without targets": train("--test v.csv", "v.csv: the target 'y' has no value", v_csv="a,b,y\n1,2,\n"),
    "infinity in the test file": train("--test v.csv", "v.csv: column 'b': expected a finite number, got inf in row 2; mend it, or leave the column out with --ignore", v_csv="a,b,y\n1,2,yes\n3,inf,no\n"),
    "infinity in the validation file": train("--validation v.csv", "v.csv: column 'b': expected a finite number, got inf in row 2; mend it, or leave", v_csv="a,b,y\n1,2,yes\n3,inf,no\n"),
    "an unknown metric": train("--metric accurracy", "Invalid value for '--metric': expected one of accuracy, balanced_accuracy, f1, mcc, log_loss, roc_auc, average_precision, cost, rank_mae, weighted_kappa, r2, rmse, mae; got 'accurracy'; did you mean 'accuracy'?"),
    "a metric of numbers for classes": train("--metric rmse", "Invalid value for '--metric': expected a metric for classification, got rmse"),
    "a metric without validation rows": train("--metric f1 --patience 0", "Invalid value for '--metric': expected none with --patience 0, which leaves no validation rows to measure it on"),
    "a cost without numbers": train("--metric cost", "Invalid value for '--metric': expected two costs of which one is above 0, such as cost=1:10, got 'cost'"),
    "costs of nothing": train("--metric cost=0:0", "Invalid value for '--metric': expected two costs of which one is above 0, such as cost=1:10, got 'cost=0:0'"),
    "costs of another metric": train("--metric f1=1:2", "Invalid value for '--metric': expected two costs of which one is above 0, such as cost=1:10, got 'f1=1:2'"),
    "one fold": train("--cv 1", "Invalid value for '--cv': expected a whole number from 2 to 100, got 1"),
    "more folds than rows": train("--cv 50", "too few rows: expected at least 50 for as many folds, got 20"),
    "folds and a test file": train("--cv 3 --test good.csv", "Invalid value for '--cv': expected neither --test nor --validation with it"),
    "folds and a search": train("--cv 3 --tune 2", "Invalid value for '--tune': expected no --cv with it"),
    "negative sizes": train("--hidden 4,-4", "Invalid value for '--hidden': expected sizes of at least 1"),
    "sizes of words": train("--hidden big", "Invalid value for '--hidden': expected sizes of at least 1 such as 25,25, got 'big'"),
    "huge sizes": train(f"--hidden {'9' * 20}", "Invalid value for '--hidden': expected sizes of at most 1,000,000, got '999"),
    "too many parameters": train("--hidden 1000000,1000000", "network 2-1000000-1000000-2: expected at most 1,000,000,000 parameters"),
    "a misspelt activation": train("--activation rely", "Invalid value for '--activation': expected one of relu, leakyrelu"),
    "dropout of everything": train("--dropout 1", "Invalid value for '--dropout': expected a number of at least 0 and less than 1, got 1"),
    "an unknown normalization": train("--normalization group", "Invalid value for '--normalization': expected one of none, batch, layer"),
    "no models": train("--models 0", "Invalid value for '--models': expected a whole number from 1 to 1,000, or 'auto', got 0"),
    "a misspelt optimizer": train("--optimizer adan", "Invalid value for '--optimizer': expected one of adam, adamw, sgd, rmsprop, adagrad; got 'adan'; did you mean 'adam'?"),
    "a negative learning rate": train("--lr -0.1", "Invalid value for '--lr': expected a number of more than 0, got -0.1"),
    "an infinite learning rate": train("--lr inf", "Invalid value for '--lr': expected a number of more than 0, got inf"),
    "a huge learning rate": train("--lr 1e300", "Adam: expected options that float32 can hold, got lr=1e+300"),
    "a huge penalty": train("--weight-decay 1e300", "Adam: expected options that float32 can hold, got weight_decay=1e+300"),
    "a schedule of another rule": train("--schedule adaptive", "Invalid value for '--schedule': expected --optimizer sgd with adaptive, got adam"),
    "a negative penalty": train("--weight-decay -1", "Invalid value for '--weight-decay': expected a number of at least 0, got -1"),
    "nothing of the gradient": train("--clip-norm 0", "Invalid value for '--clip-norm': expected a number of more than 0, got 0"),
    "no epochs": train("--epochs 0", "Invalid value for '--epochs': expected a whole number from 1 to 10,000,000, got 0"),
    "half an epoch": train("--epochs 0.5", "Invalid value for '--epochs': expected a whole number from 1 to 10,000,000, got '0.5'"),
    "empty batches": train("--batch-size 0", "Invalid value for '--batch-size': expected a whole number of at least 1, or 'auto', got 0"),
    "a batch of more than all": train("--batch-size 15", "Invalid value for '--batch-size': expected at most the 13 training rows, got 15"),
    "a batch that normalisation cannot use": train("--batch-size 1 --normalization batch", "Sequential[1] BatchNorm1d(64): "),
    "a loss for numbers": train("--loss huber", "Invalid value for '--loss': expected a loss for classification, got huber"),
    "a loss for classes": BadCommand("train numbers.csv --target y -o new/out --loss log_loss", "Invalid value for '--loss': expected a loss for regression, got log_loss"),
    "a rate of negative counts": BadCommand("train t.csv --target y -o new/out --loss poisson", "t.csv: the loss poisson needs a target of at least 0, got -5 in 'y'", {"t.csv": rows(y=("-5", "2.5"))}),
    "smoothed numbers": BadCommand("train numbers.csv --target y -o new/out --label-smoothing 0.1", "Invalid value for '--label-smoothing': expected a target of classes with it"),
    "weights of an unknown class": train("--class-weight maybe=2", "Invalid value for '--class-weight': there is no class 'maybe'; classes: 'no', 'yes'"),
    "a weight of nothing": train("--class-weight yes=0", "Invalid value for '--class-weight': expected balanced, or a class and a number above 0"),
    "a misspelt weight": train("--class-weight balance", "Invalid value for '--class-weight': expected balanced, or a class"),
    "a quantile above all": train("--quantile 1", "Invalid value for '--quantile': expected a number of more than 0 and less than 1"),
    "negative patience": train("--patience -1", "Invalid value for '--patience': expected a whole number of at least 0, got -1"),
    "no patience but validation": train("--patience 0 --validation good.csv", "Invalid value for '--patience': expected at least 1 with --validation, got 0"),
    "no time": train("--max-time 0", "Invalid value for '--max-time': expected a number of more than 0, got 0"),
    "a negative seed": train("--seed -1", "Invalid value for '--seed': expected a whole number from 0 to 4,294,967,295"),
    "a misspelt engine": train("--engine steam", "Invalid value for '--engine': expected one of auto, eager, native; got 'steam'"),
    "a search of nothing": train("--tune 0", "Invalid value for '--tune': expected a whole number from 1 to 100,000, got 0"),
    "a database without a search": train("--storage sqlite:///x.db", "Invalid value for '--storage': expected --tune with it"),
    "a database that is none": train("--tune 1 --storage fish", "Invalid value for '--storage': expected the URL of a database such as postgresql+psycopg://host/name"),
    "a database of an unknown kind": train("--tune 1 --storage fish://host/name", "Invalid value for '--storage': expected the URL of a database such as postgresql+psycopg://host/name"),
    "a database without its driver": train("--tune 1 --storage mysql+pymysql://me:secret@host/name", "Invalid value for '--storage': needs the module pymysql; pip install 'pymysql'"),
    "a database whose driver has another name": train("--tune 1 --storage mysql://a/b", "Invalid value for '--storage': needs the module MySQLdb; pip install 'mysqlclient'"),
    "a database whose driver is hardly known": train("--tune 1 --storage mysql+asyncmy://a/b", "Invalid value for '--storage': needs the module asyncmy"),
    "a database that is none, before the data": BadCommand("train no.csv --target y -o new/out --tune 1 --storage fish", "Invalid value for '--storage': expected the URL of a database"),
    "a database without its driver, before the data": BadCommand("train no.csv --target y -o new/out --tune 1 --storage mysql://a/b", "Invalid value for '--storage': needs the module MySQLdb"),
    "a database that is a folder": BadCommand("train no.csv --target y -o o --tune 1", "o/search.db: expected a file, got a folder", {"o/search.db/x": ""}),
    "a model that is a folder": BadCommand("train no.csv --target y -o o", "o/model.safetensors: expected a file, got a folder", {"o/model.safetensors/x": ""}),
    "a folder of trainings that is a file": BadCommand("train no.csv --target y -o o", "o/.checkpoint: expected a folder, got a file", {"o/.checkpoint": ""}),
    "an output folder that is a file": BadCommand("train good.csv --target y -o numbers.csv", "numbers.csv: not a folder"),
    "an output folder below a file": BadCommand("train good.csv --target y -o numbers.csv/below", "numbers.csv/below: Not a directory"),
    "an output folder that is a file, before the data": BadCommand("train no.csv --target y -o numbers.csv", "numbers.csv: not a folder"),
    "an output folder without a name": BadCommand("train good.csv --target y -o ''", "Invalid value for '--output' / '-o': expected a path, got ''"),
    "options over the data": train("--save-config good.csv", "Invalid value for '--save-config': expected another file than DATA, got good.csv"),
    "options over the data, spelt otherwise": BadCommand("train good.csv --target y --save-config sub/../good.csv", "Invalid value for '--save-config': expected another file than DATA, got sub/../good.csv", {"sub/x": ""}),
    "options over a link to the data": train("--save-config link.toml", "Invalid value for '--save-config': expected another file than DATA, got link.toml", link_toml=Path("good.csv")),
    "options over the validation file": train("--validation v.csv --save-config v.csv", "Invalid value for '--save-config': expected another file than --validation, got v.csv", v_csv=rows()),
    "options over the test file": train("--test v.csv --save-config v.csv", "Invalid value for '--save-config': expected another file than --test, got v.csv", v_csv=rows()),
    "options over the report": BadCommand("train good.csv --target y -o . --save-config report.json", "Invalid value for '--save-config': expected another file than report.json of --output, got report.json"),
    "a report over the data": BadCommand("train report.json --format jsonl --target y -o .", "Invalid value for '--output': expected another file than DATA, got report.json", {"report.json": '{"a": 1, "y": 2}\n'}),
    "a history over the file that the data links to": BadCommand("train t.jsonl --target y -o .", "Invalid value for '--output': expected another file than DATA, got history.json", {"history.json": '{"a": 1, "y": 2}\n', "t.jsonl": Path("history.json")}),
    "a model over the test file": BadCommand("train good.csv --test model.safetensors --format csv --target y -o .", "Invalid value for '--output': expected another file than --test, got model.safetensors", {"model.safetensors": rows()}),
    "a place for options below a file": train("--epochs 1 --save-config good.csv/run.toml", "good.csv/run.toml: Not a directory"),
}  # fmt: skip

CONFIGS = {
    "no such file": train("--config no.toml", "no.toml: No such file or directory"),
    "no TOML": config("epochs: 3", "not a TOML file: "),
    "another encoding": config("target = 'für'".encode("latin-1"), "not a TOML file in UTF-8 (byte 0xfc)"),
    "a key twice": config("epochs = 1\nepochs = 2", "not a TOML file: "),
    "an unknown key": config("epoch = 3", "there is no option 'epoch'; did you mean 'epochs'?"),
    "a key of the call": config("quiet = true", "there is no option 'quiet'"),
    "a key of a section": config("[network]\nhidden = [3]", "there is no option 'network'"),
    "a fraction for a whole number": config("epochs = 2.5", "epochs: expected a whole number from 1 to 10,000,000, got '2.5'"),
    "a truth value for a number": config("lr = true", "lr: expected a number of more than 0, got 'true'"),
    "a number out of range": config("dropout = 1.5", "dropout: expected a number of at least 0 and less than 1, got 1.5"),
    "infinity": config("lr = inf", "lr: expected a number of more than 0, got inf"),
    "a name that is none": config("optimizer = 'adan'", "optimizer: expected one of adam, adamw"),
    "a table for a list": config("hidden = {a = 1}", "hidden: expected a text, a number, true, false or a list, got a table"),
    "a date": config("target = 2026-01-01", "target: expected a text, a number, true, false or a list, got datetime.date(2026, 1, 1)"),
    "a list of lists": config("ignore = [['a']]", "ignore: expected a text, a number, true, false or a list, got [['a']]"),
}  # fmt: skip

MODELS = {
    "no model": BadCommand("predict no.safetensors good.csv", "no.safetensors: No such file or directory"),
    "a folder with a model": BadCommand("predict m good.csv", "Invalid value for 'MODEL': m is a folder; did you mean m/model.safetensors?", {"m/model.safetensors": ""}),
    "a table for a model": BadCommand("predict good.csv good.csv", "good.csv: expected a model file that plaingrad has written (safetensors), got 172 bytes that begin with 'a,b,y"),
    "no data to predict": BadCommand("predict classes.safetensors no.csv", "no.csv: No such file or directory"),
    "an unknown encoding to predict": BadCommand("predict classes.safetensors good.csv --encoding utf-9", "Invalid value for '--encoding': expected an encoding that Python knows"),
    "another encoding to judge by": BadCommand("evaluate classes.safetensors t.csv", "t.csv: line 2: expected text in utf-8, got the byte 0xfc; --encoding names another", {"t.csv": b"a,b,y\n1,2,\xfc\n"}),
    "a column missing": BadCommand("predict classes.safetensors t.csv", "t.csv: there is no column 'b'; columns: 'a'", {"t.csv": "a\n1\n"}),
    "columns missing": BadCommand("predict classes.safetensors t.csv", "t.csv: there are no columns 'a', 'b'; columns: 'c'", {"t.csv": "c\n1\n"}),
    "a header without a column": BadCommand("predict classes.safetensors t.csv", "t.csv: there is no column 'b'; columns: 'a'", {"t.csv": "a\n"}),
    "a header alone to judge by": BadCommand("evaluate classes.safetensors t.csv", "t.csv: the file has a header but no rows", {"t.csv": "a,b,y\n"}),
    "a column of another name": BadCommand("predict classes.safetensors t.csv", "t.csv: there is no column 'b'; did you mean 'B'?", {"t.csv": "a,B\n1,2\n"}),
    "infinity": BadCommand("predict classes.safetensors t.csv", "t.csv: column 'b': expected a finite number, got inf in row 1; mend it, or leave it empty for a missing value", {"t.csv": "a,b\n1,inf\n"}),
    "infinity to judge by": BadCommand("evaluate classes.safetensors t.csv", "t.csv: column 'b': expected a finite number, got inf in row 2; mend it, or leave it empty for a missing value", {"t.csv": "a,b,y\n1,2,\n1,inf,no\n"}),
    "a kept column that is not there": BadCommand("predict classes.safetensors good.csv --keep id", "good.csv: there is no column 'id'"),
    "kept columns at once": BadCommand("predict classes.safetensors good.csv --keep a,y", "good.csv: there is no column 'a,y'; did you mean 'y'? columns: 'a', 'b', 'y'; --keep names one column and may be repeated"),
    "a kept column that is made": BadCommand("predict classes.safetensors t.csv --keep prediction", "--keep: a column 'prediction' is written already", {"t.csv": "a,b,prediction\n1,2,3\n"}),
    "an output of no format": BadCommand("predict classes.safetensors good.csv -o out.xlsx", "out.xlsx: expected a suffix of .csv"),
    "an output below a file": BadCommand("predict classes.safetensors good.csv -o good.csv/out.csv", "good.csv/out.csv: Not a directory"),
    "an output without a name": BadCommand("predict classes.safetensors good.csv -o ''", "Invalid value for '--output' / '-o': expected a path, got ''"),
    "an output that is a folder": BadCommand("predict classes.safetensors good.csv -o out.csv", "out.csv: Is a directory", {"out.csv/x": ""}),
    "an unknown output format": BadCommand("predict classes.safetensors good.csv --output-format xls", "Invalid value for '--output-format': expected one of csv"),
    "an output over its data": BadCommand("predict classes.safetensors good.csv -o good.csv", "Invalid value for '--output': expected another file than DATA, got good.csv"),
    "an output over what its data links to": BadCommand("predict classes.safetensors link.csv -o good.csv", "Invalid value for '--output': expected another file than DATA, got good.csv", {"link.csv": Path("good.csv")}),
    "an output over the model": BadCommand("predict classes.safetensors good.csv -o classes.safetensors --output-format csv", "Invalid value for '--output': expected another file than MODEL, got classes.safetensors"),
    "nothing to judge by": BadCommand("evaluate classes.safetensors t.csv", "t.csv: there is no column 'y'; columns: 'a', 'b'", {"t.csv": "a,b\n1,2\n"}),
    "an unknown class": BadCommand("evaluate classes.safetensors t.csv", "t.csv: column 'y': expected one of the classes 'no', 'yes', got 'maybe' in row 1", {"t.csv": "a,b,y\n1,2,maybe\n"}),
    "a word to judge a number by": BadCommand("evaluate numbers.safetensors good.csv", "good.csv: column 'y': expected a number, got 'yes' in row 1"),
    "a page below a file": BadCommand("evaluate classes.safetensors good.csv --html good.csv/x.html", "good.csv/x.html: Not a directory"),
    "a page over its data": BadCommand("evaluate classes.safetensors good.csv --html good.csv", "Invalid value for '--html': expected another file than DATA, got good.csv"),
    "a page over the model": BadCommand("evaluate classes.safetensors good.csv --html classes.safetensors", "Invalid value for '--html': expected another file than MODEL, got classes.safetensors"),
    "info on a table": BadCommand("info good.csv", "good.csv: expected a model file that plaingrad has written (safetensors), got 172 bytes that begin with 'a,b,y"),
    "info on a folder": BadCommand("info .", ".: Is a directory"),
    "info on two files": BadCommand("info classes.safetensors numbers.safetensors", "Got unexpected extra argument"),
    "a graph of another suffix": BadCommand("export classes.safetensors graph.pb", "graph.pb: expected a file with the suffix .onnx"),
    "a graph below a file": BadCommand("export classes.safetensors good.csv/graph.onnx", "good.csv/graph.onnx: Not a directory"),
    "a graph over the model": BadCommand("export model.onnx model.onnx", "Invalid value for 'FILE.onnx': expected another file than MODEL, got model.onnx", {"model.onnx": Path("classes.safetensors")}),
    "notes of a graph over the model": BadCommand("export model.json model.onnx", "Invalid value for 'FILE.onnx': expected another file than MODEL, got model.json", {"model.json": Path("classes.safetensors")}),
    "notes of a graph over a report": BadCommand("export classes.safetensors report.onnx", "report.json: expected what an earlier export has written, or no such file", {"report.json": '{"task": "classification", "target": "y", "columns": []}'}),
    "notes of a graph over no JSON": BadCommand("export classes.safetensors g.onnx", "g.json: expected what an earlier export has written, or no such file", {"g.json": b"\xff"}),
    "notes of a graph over a folder": BadCommand("export classes.safetensors g.onnx", "g.json: Is a directory", {"g.json/x": ""}),
    "a graph of a table": BadCommand("export good.csv graph.onnx", "good.csv: expected a model file that plaingrad has written (safetensors), got 172 bytes that begin with 'a,b,y"),
}  # fmt: skip

COMMANDS = {
    f"{kind}: {name}": case
    for kind, cases in (("table", TABLES), ("option", OPTIONS), ("config", CONFIGS), ("model", MODELS))
    for name, case in cases.items()
}
