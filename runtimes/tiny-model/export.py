"""Writes the trained weights as GGUF (version 3, Q8_0) and the facts about them as JSON:
`python3 export.py TRAINED.pt MERGES.json OUT.gguf OUT.json`.
"""

import hashlib
import json
import struct
import sys

import numpy
import torch

import tokenizer as tok

NAME = "Plexus tiny demo"
LICENSE = "Apache-2.0"
NOTICE = "A very small model that shows the platform working. Its answers are often wrong: start the node with --model for real ones."

# <|bos|>(<|role|>content<|end|>)*<|assistant|>, the layout of Tokenizer.encode_dialogue.
CHAT_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for message in messages %}{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}"
)

ALIGNMENT = 32
FILE_TYPE_Q8_0 = 7
TENSOR_F32, TENSOR_Q8_0 = 0, 8
TOKEN_NORMAL, TOKEN_CONTROL = 1, 3
Q8_0_BLOCK = 32


# --- metadata values: GGUF type number and bytes ---------------------------------------------------------------


def u32(value):
    return 4, struct.pack("<I", value)


def i32(value):
    return 5, struct.pack("<i", value)


def f32(value):
    return 6, struct.pack("<f", value)


def boolean(value):
    return 7, struct.pack("<B", value)


def text(value):
    data = value.encode("utf-8")
    return 8, struct.pack("<Q", len(data)) + data


def array(make, values):
    items = [make(value) for value in values]
    return 9, struct.pack("<IQ", items[0][0], len(items)) + b"".join(data for _, data in items)


def metadata(shape, tokenizer, parameters):
    types = [TOKEN_CONTROL if token in tok.SPECIAL else TOKEN_NORMAL for token in tokenizer.tokens]
    return {
        "general.architecture": text("llama"),
        "general.type": text("model"),
        "general.name": text(NAME),
        "general.description": text(NOTICE),
        "general.license": text(LICENSE),
        "general.size_label": text(f"{parameters / 1e6:.1f}M"),
        "general.alignment": u32(ALIGNMENT),
        "general.file_type": u32(FILE_TYPE_Q8_0),
        "general.quantization_version": u32(2),
        "llama.block_count": u32(shape["layers"]),
        "llama.context_length": u32(shape["context"]),
        "llama.embedding_length": u32(shape["dim"]),
        "llama.feed_forward_length": u32(shape["ffn"]),
        "llama.attention.head_count": u32(shape["heads"]),
        "llama.attention.head_count_kv": u32(shape["heads"]),
        "llama.attention.layer_norm_rms_epsilon": f32(shape["norm_eps"]),
        "llama.rope.dimension_count": u32(shape["dim"] // shape["heads"]),
        "llama.rope.freq_base": f32(shape["rope_base"]),
        "llama.vocab_size": u32(len(tokenizer.tokens)),
        "tokenizer.ggml.model": text("gpt2"),
        "tokenizer.ggml.pre": text("gpt-2"),
        "tokenizer.ggml.tokens": array(text, tokenizer.tokens),
        "tokenizer.ggml.token_type": array(i32, types),
        "tokenizer.ggml.merges": array(text, [" ".join(pair) for pair in tokenizer.merges]),
        "tokenizer.ggml.bos_token_id": u32(tok.BOS),
        # One token ends an answer. llama.cpp knows the name <|end|> as an end of generation, so it does not warn.
        "tokenizer.ggml.eos_token_id": u32(tok.END),
        "tokenizer.ggml.eot_token_id": u32(tok.END),
        "tokenizer.ggml.padding_token_id": u32(tok.PAD),
        "tokenizer.ggml.add_bos_token": boolean(True),
        "tokenizer.ggml.add_eos_token": boolean(False),
        "tokenizer.ggml.add_space_prefix": boolean(False),
        "tokenizer.chat_template": text(CHAT_TEMPLATE),
    }


# --- tensors -------------------------------------------------------------------------------------------------------


def q8_0(weights):
    """Blocks of 32 numbers: one half-precision scale and 32 signed bytes."""
    blocks = weights.reshape(-1, Q8_0_BLOCK)
    scale = numpy.abs(blocks).max(axis=1) / numpy.float32(127)
    scaled = blocks / numpy.where(scale == 0, numpy.float32(1), scale)[:, None]
    quants = (numpy.sign(scaled) * numpy.floor(numpy.abs(scaled) + numpy.float32(0.5))).astype("i1")
    packed = numpy.empty(len(blocks), dtype=[("scale", "<f2"), ("quants", "i1", Q8_0_BLOCK)])
    packed["scale"], packed["quants"] = scale, quants
    return packed.tobytes()


def encode_tensors(weights):
    """Name, dimensions, type and bytes of each tensor. The module names of train.py are already those of GGUF."""
    for name, weight in weights.items():
        values = weight.numpy().astype("<f4")
        is_matrix = values.ndim == 2
        yield name, values.shape[::-1], TENSOR_Q8_0 if is_matrix else TENSOR_F32, q8_0(values) if is_matrix else values.tobytes()


def padded(data):
    return data + b"\0" * (-len(data) % ALIGNMENT)


def gguf(fields, tensors):
    head = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(fields))]
    for key, (kind, data) in fields.items():
        head += [text(key)[1], struct.pack("<I", kind), data]
    offset = 0
    for name, dims, kind, data in tensors:
        head += [text(name)[1], struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)]
        offset += len(padded(data))
    return padded(b"".join(head)) + b"".join(padded(data) for *_, data in tensors)


def main():
    trained_path, merges_path, gguf_path, json_path = sys.argv[1:]
    trained = torch.load(trained_path)
    tokenizer = tok.load(merges_path)
    report = trained["report"]
    data = gguf(metadata(trained["shape"], tokenizer, report["parameters"]), list(encode_tensors(trained["weights"])))
    with open(gguf_path, "wb") as file:
        file.write(data)
    facts = {
        "name": NAME,
        "license": LICENSE,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "parameters": report["parameters"],
        "contextLength": trained["shape"]["context"],
        "vocabulary": len(tokenizer.tokens),
        "training": {"steps": report["steps"], "tokens": report["trainedTokens"], "seed": report["seed"], "cpuSeconds": report["cpuSeconds"]},
        "validation": report["validation"],
        "notice": NOTICE,
    }
    with open(json_path, "w", encoding="utf-8") as file:
        file.write(json.dumps(facts, indent=2) + "\n")
    print(f"{gguf_path}: {len(data)} bytes, sha256 {facts['sha256']}")


if __name__ == "__main__":
    main()
