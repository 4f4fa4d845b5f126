"""Train the text model: ``python models/train/text_offense.py --data FOLDER`` (needs the ``train`` group).

FOLDER holds COLD's ``train.csv`` and ``dev.csv`` (Deng et al., EMNLP 2022; Apache-2.0). The regularisation is
chosen by cross-validation within the train file; the dev file is used once, for the card's figures.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import cross_val_score

from clearmark.models.ngrams import BUCKETS, bags
from clearmark.screen.normalise import normalise

WEIGHTS = Path(__file__).resolve().parents[1] / "clearmark" / "models" / "weights"
CHOICES = (2.0, 4.0, 8.0, 16.0)


def read(path: Path) -> tuple[list[str], np.ndarray]:
    """Return texts, normalised as the screen stage does, and labels."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [normalise(row["TEXT"]) for row in rows], np.array([int(row["label"]) for row in rows])


def matrix(texts: list[str]) -> csr_matrix:
    ids, rows, values = bags(texts)
    return csr_matrix((values, (rows, ids)), shape=(len(texts), BUCKETS))


def export(weights: np.ndarray, bias: float) -> bytes:
    """Return an ONNX file that sums the weights of each text's features and squashes the sum to 0..1."""
    table = numpy_helper.from_array(weights.astype(np.float16), "table")
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["half"]),
        helper.make_node("Cast", ["half"], ["weight"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["weight", "values"], ["term"]),
        helper.make_node("ConstantOfShape", ["count"], ["zeros"]),
        helper.make_node("ScatterElements", ["zeros", "rows", "term"], ["sum"], axis=0, reduction="add"),
        helper.make_node("Add", ["sum", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["score"]),
    ]
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"]),
        helper.make_tensor_value_info("rows", TensorProto.INT64, ["n"]),
        helper.make_tensor_value_info("values", TensorProto.FLOAT, ["n"]),
        helper.make_tensor_value_info("count", TensorProto.INT64, [1]),
    ]
    graph = helper.make_graph(
        nodes,
        "text_offense",
        inputs,
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["texts"])],
        [table, numpy_helper.from_array(np.array(bias, np.float32), "bias")],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9, producer_name="clearmark"
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and dev.csv")
    folder = parser.parse_args().data
    texts, labels = read(folder / "train.csv")
    held_texts, held = read(folder / "dev.csv")
    seen = set(texts)
    kept = [i for i, text in enumerate(held_texts) if text not in seen]
    held_texts, held = [held_texts[i] for i in kept], held[kept]
    x = matrix(texts)
    best = max(
        CHOICES,
        key=lambda c: cross_val_score(
            LogisticRegression(C=c, solver="liblinear"), x, labels, cv=4, scoring="f1_macro"
        ).mean(),
    )
    model = LogisticRegression(C=best, solver="liblinear").fit(x, labels)
    weights = export(model.coef_[0], float(model.intercept_[0]))
    (WEIGHTS / "text_offense.onnx").write_bytes(weights)
    scores = model.predict_proba(matrix(held_texts))[:, 1]
    guessed = scores >= 0.5
    print(f"C {best}, sha256 {hashlib.sha256(weights).hexdigest()}, {len(texts)} train rows, {len(held)} held out")
    print(f"accuracy {accuracy_score(held, guessed):.4f}")
    print(f"macro-F1 {f1_score(held, guessed, average='macro'):.4f}")
    print(f"ROC-AUC  {roc_auc_score(held, scores):.4f}")
    for threshold in (0.5, 0.7, 0.8, 0.9, 0.95, 0.97):
        at = scores >= threshold
        print(
            f"at {threshold}: precision {precision_score(held, at):.4f} recall {recall_score(held, at):.4f}"
            f" of harmless texts flagged {at[held == 0].mean():.4f}"
        )


if __name__ == "__main__":
    main()
