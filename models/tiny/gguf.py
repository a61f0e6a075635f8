"""Writes a GGUF version 3 file (ggml's docs/gguf.md) with f32 tensors. Knows no model."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

ALIGNMENT = 32

# Numbers of the format: value types, and the tensor type f32.
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TENSOR_F32 = 0


@dataclass(frozen=True)
class Int32Array:
    """A list of numbers to be stored as i32; plain ints are stored as u32."""

    values: list[int]


Value = bool | int | float | str | list[str] | Int32Array


def write_gguf(path: Path, metadata: dict[str, Value], tensors: dict[str, Tensor]) -> None:
    """Tensors are contiguous f32 in torch's order of dimensions, which is ggml's reversed."""
    header = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    header += [_text(key) + _value(value) for key, value in metadata.items()]
    offset = 0
    for name, tensor in tensors.items():
        header.append(_tensor_info(name, tensor, offset))
        offset += _aligned(tensor.numel() * 4)
    with path.open("wb") as file:
        file.write(_padded(b"".join(header)))
        for tensor in tensors.values():
            file.write(_padded(tensor_bytes(tensor)))


def tensor_bytes(tensor: Tensor) -> bytes:
    """Little-endian machines only."""
    if tensor.dtype != torch.float32 or not tensor.is_contiguous():
        raise TypeError("only contiguous f32 tensors can be written")
    return ctypes.string_at(tensor.data_ptr(), tensor.numel() * 4)


def _tensor_info(name: str, tensor: Tensor, offset: int) -> bytes:
    shape = struct.pack(f"<{tensor.ndim}Q", *reversed(tensor.shape))
    dimensions = struct.pack("<I", tensor.ndim) + shape
    return _text(name) + dimensions + struct.pack("<IQ", TENSOR_F32, offset)


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _text(value)
    if isinstance(value, Int32Array):
        count = len(value.values)
        return struct.pack(f"<IIQ{count}i", ARRAY, INT32, count, *value.values)
    return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(_text, value))


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _padded(data: bytes) -> bytes:
    return data.ljust(_aligned(len(data)), b"\0")
