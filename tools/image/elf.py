"""Reads from the head of a program whether the kernel needs another program to load it."""

import struct
from pathlib import Path

MAGIC = b"\x7fELF"
LITTLE_ENDIAN_64 = b"\x02\x01"
# The type of the program header that names the loader (elf(5), PT_INTERP).
INTERPRETER = 3


def loader(program: Path):
    """Returns the loader that a 64-bit program names, such as /lib64/ld-linux-x86-64.so.2, or None for a static one."""
    content = program.read_bytes()
    if content[:6] != MAGIC + LITTLE_ENDIAN_64:
        raise ValueError(f"{program} is no program of 64 bits")
    (offset,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    for number in range(count):
        kind, _, begins, _, _, length = struct.unpack_from("<IIQQQQ", content, offset + number * size)
        if kind == INTERPRETER:
            return content[begins : begins + length].rstrip(b"\0").decode()
    return None
