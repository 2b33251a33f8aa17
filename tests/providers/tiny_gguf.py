"""A vision model of half a megabyte that says one fixed sentence, whatever it is shown.

llama.cpp loads it as it loads any other. The text model is a chain: attention and feed-forward add
nothing, each piece of the sentence has an embedding of its own, whose direction is the
one the output matrix gives to the next piece. The prompt's tokens all point to the first piece. The
vision half (projector gemma3, one layer) is random and only has to run.
"""

from pathlib import Path

import gguf
import numpy as np

PIECE = 6  # characters of the sentence per token, or more: no two tokens may be the same
UNK, BOS, EOS = 0, 1, 4
SPECIAL = [b"<unk>", b"<s>", b"</s>", b"<|im_start|>", b"<|im_end|>"]
BYTES = [b"<0x%02X>" % byte for byte in range(256)]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for part in m['content'] %}{{ part['text'] }}\n{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
random = np.random.default_rng(0)


def make(folder: Path, *sentences: str) -> tuple[Path, Path]:
    """The files of the text model and of the vision model (mmproj); no token spans sentences."""
    pieces: list[str] = []
    for sentence in sentences:
        cut(sentence, pieces)
    width = 64 * (1 + len(pieces) // 64)  # of the embedding: one dimension per piece, and one more
    text, mmproj = folder / "tiny-text.gguf", folder / "tiny-mmproj.gguf"
    write_text_model(text, pieces, width)
    write_vision_model(mmproj, width)
    return text, mmproj


def cut(sentence: str, pieces: list[str]) -> None:
    """Add the pieces of the sentence to those there are."""
    while sentence:
        length = PIECE
        while sentence[:length] in pieces:
            length += 1
        pieces.append(sentence[:length])
        sentence = sentence[length:]


def write_text_model(path: Path, pieces: list[str], width: int) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_rope_dimension_count(width // 4)
    writer.add_layer_norm_rms_eps(1e-5)
    add_vocabulary(writer, pieces)
    writer.add_tensor("token_embd.weight", embeddings(pieces, width))
    writer.add_tensor("output.weight", outputs(pieces, width))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", ones(width))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", zeros(width, width))
    for name, shape in (("gate", (64, width)), ("up", (64, width)), ("down", (width, 64))):
        writer.add_tensor(f"blk.0.ffn_{name}.weight", zeros(*shape))
    finish(writer)


def add_vocabulary(writer: gguf.GGUFWriter, pieces: list[str]) -> None:
    tokens = [*SPECIAL, *BYTES, *(piece.replace(" ", "\u2581").encode() for piece in pieces)]
    kinds = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 4
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(pieces)
    scores = [0.0] * (len(SPECIAL) + 256) + [-1e6 - i for i in range(len(pieces))]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_unk_token_id(UNK)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)


def embeddings(pieces: list[str], width: int) -> np.ndarray:
    first = len(SPECIAL) + 256
    rows = zeros(first + len(pieces), width)
    rows[:first, 0] = 1
    for number in range(len(pieces)):
        rows[first + number, number + 1] = 1
    return rows


def outputs(pieces: list[str], width: int) -> np.ndarray:
    first = len(SPECIAL) + 256
    rows = zeros(first + len(pieces), width)
    for number in range(len(pieces)):
        rows[first + number, number] = 10
    rows[EOS, len(pieces)] = 10
    return rows


def write_vision_model(path: Path, width: int) -> None:
    size, patch, inner, forward = 64, 16, 32, 48
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "gemma3")
    writer.add_bool("clip.use_gelu", True)
    for name, value in {
        "image_size": size,
        "patch_size": patch,
        "embedding_length": inner,
        "feed_forward_length": forward,
        "block_count": 1,
        "projection_dim": width,
        "attention.head_count": 4,
        "projector.scale_factor": 2,
    }.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_tensor("v.patch_embd.weight", noise(inner, 3, patch, patch))
    writer.add_tensor("v.patch_embd.bias", noise(inner))
    writer.add_tensor("v.position_embd.weight", noise((size // patch) ** 2, inner))
    for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
        add_layer(writer, f"v.blk.0.{name}", noise(inner, inner))
    add_layer(writer, "v.blk.0.ffn_up", noise(forward, inner))
    add_layer(writer, "v.blk.0.ffn_down", noise(inner, forward))
    for name in ("v.blk.0.ln1", "v.blk.0.ln2", "v.post_ln"):
        add_layer(writer, name, ones(inner))
    writer.add_tensor("mm.input_projection.weight", noise(inner, width))
    writer.add_tensor("mm.soft_emb_norm.weight", ones(inner))
    finish(writer)


def add_layer(writer: gguf.GGUFWriter, name: str, weight: np.ndarray) -> None:
    writer.add_tensor(f"{name}.weight", weight)
    writer.add_tensor(f"{name}.bias", zeros(weight.shape[0]))


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def noise(*shape: int) -> np.ndarray:
    return random.normal(0, 0.1, shape).astype(np.float32)
