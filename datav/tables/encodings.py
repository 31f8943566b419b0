"""Which characters the bytes of a text file stand for.

The answer is what the head of the file shows; a file may still go wrong further on.
"""

import codecs
from collections.abc import Iterable, Iterator

BOMS = {"utf-8-sig": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}

# The encodings in which delimiters, quotes and line ends are their ASCII bytes, and nothing else is.
BYTEWISE = ("utf-8", "utf-8-sig", "latin-1")


def decode_head(head: bytes, whole: bool) -> tuple[str, str] | None:
    """Return the encoding of a text and the text of its head, without a byte order mark.

    A byte order mark decides; without one it is UTF-8 if it can be, else latin-1, in which every byte is a
    character: the honest answer to bytes of which nothing is known.

    Args:
        head: the first bytes of the file; a character cut at its end is left out.
        whole: `head` is all of the file, so a cut character is an error.

    Returns:
        None if it is not text: it holds NUL characters, or is not what its byte order mark says.
    """
    marked = next((name for name, bom in BOMS.items() if head.startswith(bom)), None)
    for encoding in (marked,) if marked else ("utf-8", "latin-1"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head, final=whole)
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else (encoding, text.removeprefix("\ufeff"))
    return None


def decode_pieces(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Yield the text of bytes that come in pieces cut anywhere, without its byte order mark.

    What is no text in `encoding` becomes U+FFFD: whoever counts rows must not stop at a stray byte.
    """
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    at_start = True
    for piece in pieces:
        text = decoder.decode(piece)
        if text and at_start:
            text, at_start = text.removeprefix("\ufeff"), False
        yield text
    yield decoder.decode(b"", final=True)
