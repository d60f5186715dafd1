"""The first bytes by which files that are no text are known."""

DECOMPRESS = "decompress it first, or name it by a file with that suffix"
# The first bytes of files that are no text, their kinds, and what helps.
BINARIES = {
    b"PAR1": ("Parquet", "--format parquet"),
    b"ARROW1": ("Arrow", "--format arrow"),
    b"PK\x03\x04": ("an .npz archive or a zip file", "--format npz, or unpack it first"),
    b"\x1f\x8b": ("gzip (.gz)", DECOMPRESS),
    b"BZh": ("bzip2 (.bz2)", DECOMPRESS),
    b"\xfd7zXZ": ("xz (.xz)", DECOMPRESS),
    b"\x28\xb5\x2f\xfd": ("zstandard (.zst)", DECOMPRESS),
}
