"""Where a model runs: on the best provider that the installed onnxruntime offers and this machine can start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import onnxruntime
import structlog

from clearmark.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PREFERRED: Final = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")


def open_session(
    weights: bytes,
    threads: int = 1,
    offered: Sequence[str] | None = None,
    start: Callable[..., Any] = onnxruntime.InferenceSession,
) -> tuple[Any, str]:
    """Load a model.

    A provider that cannot start is logged and the next one is tried; operators that a provider lacks run on those
    behind it. Nothing is switched later: a failure while running is the caller's.

    Args:
        weights: the ONNX file's bytes.
        threads: of one inference on the CPU; workers are many, so one core each.
        offered: the providers to choose from; those of the installed onnxruntime, if not told.
        start: makes a session.

    Returns:
        The session and the name of the provider in use.

    Raises:
        Stop: no provider can load the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    known = onnxruntime.get_available_providers() if offered is None else offered
    chain = [name for name in PREFERRED if name in known]
    log, failure = structlog.get_logger("clearmark.models"), "there is no provider"
    while chain:
        try:
            session = start(weights, options, providers=chain, enable_fallback=0)
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors have no common base; the last one ends in Stop
            failure = f"{type(error).__name__}: {error}"
            log.warning("a provider cannot start", provider=chain[0], error=failure)
            chain = chain[1:]
            continue
        used = str(session.get_providers()[0])
        if used != chain[0]:  # a missing library is only logged by onnxruntime
            log.warning("a provider cannot start", provider=chain[0], instead=used)
        return session, used
    raise Stop(f"onnxruntime cannot load a model: {failure}", remedy="install clearmark again, or another onnxruntime")
