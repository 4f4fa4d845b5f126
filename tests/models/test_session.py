"""The provider: the best that starts, and the next one where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from clearmark.errors import Stop
from clearmark.models.card import FOLDER, load
from clearmark.models.session import open_session
from clearmark.models.text import TextModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
ALL = ("AzureExecutionProvider", CPU, CUDA, TENSORRT)


class Session:
    def __init__(self, providers: Sequence[str]) -> None:
        self._providers = providers

    def get_providers(self) -> Sequence[str]:
        return self._providers


def runtime(broken: Sequence[str] = (), unloadable: Sequence[str] = ()) -> Callable[..., Session]:
    """Stand in for onnxruntime: ``broken`` providers raise, ``unloadable`` ones are left out silently."""

    def start(weights: bytes, options: Any, providers: Sequence[str], enable_fallback: int) -> Session:
        assert weights == b"weights"
        assert options.intra_op_num_threads == 2
        assert not enable_fallback, "onnxruntime must not switch providers by itself"
        if providers[0] in broken:
            raise RuntimeError(f"no device for {providers[0]}")
        return Session([p for p in providers if p not in unloadable])

    return start


@pytest.mark.parametrize(
    ("offered", "expected"),
    [(ALL, TENSORRT), ((CPU, CUDA), CUDA), ((CPU,), CPU), (("AzureExecutionProvider", CPU), CPU)],
)
def test_the_best_offered_provider_is_used(offered: Sequence[str], expected: str) -> None:
    session, used = open_session(b"weights", 2, offered, runtime())
    assert used == expected
    assert session.get_providers()[-1] == CPU, "operators that a provider lacks need the CPU"


@pytest.mark.parametrize(
    ("broken", "unloadable", "expected", "named"),
    [
        ((TENSORRT,), (), CUDA, [TENSORRT]),
        ((TENSORRT, CUDA), (), CPU, [TENSORRT, CUDA]),
        ((), (TENSORRT,), CUDA, [TENSORRT]),
        ((TENSORRT,), (CUDA,), CPU, [TENSORRT, CUDA]),
    ],
)
def test_a_provider_that_cannot_start_is_told_and_the_next_is_used(
    broken: Sequence[str], unloadable: Sequence[str], expected: str, named: list[str]
) -> None:
    with capture_logs() as logs:
        assert open_session(b"weights", 2, ALL, runtime(broken, unloadable))[1] == expected
    assert [(line["provider"], line["log_level"]) for line in logs] == [(name, "warning") for name in named]


def test_no_provider_at_all_stops() -> None:
    with pytest.raises(Stop, match="no device for CPU"), capture_logs():
        open_session(b"weights", 2, ALL, runtime(ALL))
    with pytest.raises(Stop, match="there is no provider"):
        open_session(b"weights", 2, ["AzureExecutionProvider"], runtime())


def test_weights_that_are_no_model_stop() -> None:
    with pytest.raises(Stop, match="cannot load a model: InvalidProtobuf"), capture_logs():
        open_session(b"no model", offered=[CPU])


def test_a_model_tells_its_provider() -> None:
    _, weights = load(FOLDER / "text_offense.toml")
    session, used = open_session(weights, offered=[CPU])
    assert used == CPU
    assert session.get_providers() == [CPU]
    assert TextModel.open().provider in ALL
