"""Runs a vision model with llama-cpp-python. Runs in a child process."""

from functools import lru_cache
from typing import Any

from result import ProviderError

CONTEXT_TOKENS = 20_480  # a picture takes 4,000 (a metre of receipt 8,000), a page's text 4,000


def generate(
    messages: list[dict[str, Any]],
    schema: dict[str, object] | None,
    max_tokens: int,
    model_path: str,
    mmproj_path: str,
    threads: int,
) -> tuple[str, str]:
    """The model's words, and why it stopped: "stop" or "length". Without a schema any words."""
    model = _load(model_path, mmproj_path, threads)
    form = {"type": "json_object", "schema": schema} if schema else None  # json_schema is ignored
    try:
        answer = model.create_chat_completion(
            messages=messages,
            response_format=form,
            temperature=0.0,
            repeat_penalty=1.0,  # digits and prices do repeat
            max_tokens=max_tokens,
        )
    except ValueError as error:
        if "n_ctx" in str(error):
            message = "llama.cpp has no room for this image; send a smaller one"
            raise ProviderError("too_large", message) from error
        raise _no_vision_model(error) from error  # the mmproj is loaded with the first image
    choice = answer["choices"][0]
    return choice["message"]["content"] or "", choice["finish_reason"]


@lru_cache(maxsize=1)
def _load(model_path: str, mmproj_path: str, threads: int) -> Any:
    # imported here: it takes a second and 100 MB, and need not be installed
    from llama_cpp import Llama
    from llama_cpp._logger import llama_log_callback
    from llama_cpp.llama_chat_format import MTMDChatHandler
    from llama_cpp.mtmd_cpp import mtmd_helper_log_set

    mtmd_helper_log_set(llama_log_callback, None)  # else every picture is 20 lines in the log
    try:
        return Llama(
            model_path,
            chat_handler=MTMDChatHandler(mmproj_path, verbose=False),
            n_ctx=CONTEXT_TOKENS,
            n_threads=threads,
            n_threads_batch=threads,
            verbose=False,
        )
    except (ValueError, OSError) as error:
        raise _no_vision_model(error) from error


def _no_vision_model(error: Exception) -> ProviderError:
    return ProviderError(
        "not_configured",
        f"llama.cpp cannot use LLAMA_CPP_MODEL_PATH with LLAMA_CPP_MMPROJ_PATH ({error}); "
        "take the GGUF of a vision model and the mmproj that belongs to it",
    )
