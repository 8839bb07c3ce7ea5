"""Small PDFs that tell of their making in every usual way, written out so that a test knows each byte."""

import zlib

AUTHOR = b"Wang Xiaoming"
XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>'
    + AUTHOR
    + b"</dc:creator></x:xmpmeta><?xpacket end='w'?>"
)
INFO = b"<< /Author (%s) /Title (Tender of Wang and Sons) /Producer (WPS) >>" % AUTHOR
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << /Font << /F1 << /Type /Font"
    b" /Subtype /Type1 /BaseFont /Helvetica >> >> >> /Contents 4 0 R >>"
)
TEXT = b"BT /F1 12 Tf 20 100 Td (Page one) Tj ET"


def stream(head: bytes, data: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(data), data)


def plain(*, packed_xmp: bool = False, revisions: int = 1) -> bytes:
    """Return a PDF with a cross-reference table; of several revisions each has an information dictionary of its own."""
    xmp = (
        stream(b"/Type /Metadata /Subtype /XML /Filter /FlateDecode", zlib.compress(XMP))
        if packed_xmp
        else stream(b"/Type /Metadata /Subtype /XML", XMP)
    )
    bodies = {
        1: b"<< /Type /Catalog /Pages 2 0 R /Metadata 6 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: PAGE,
        4: stream(b"", TEXT),
        5: INFO,
        6: xmp,
    }
    data, places = b"%PDF-1.4\n", {}
    for number, body in bodies.items():
        places[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    data, before = _table(data, places, 0)
    for _ in range(revisions - 1):
        place = len(data)
        data += b"5 0 obj\n%s\nendobj\n" % INFO
        data, before = _table(data, {5: place}, before)
    return data


def _table(data: bytes, places: dict[int, int], before: int) -> tuple[bytes, int]:
    start = len(data)
    data += b"xref\n0 1\n0000000000 65535 f \n" if not before else b"xref\n"
    for number, place in places.items():
        data += b"%d 1\n%010d 00000 n \n" % (number, place)
    prev = b" /Prev %d" % before if before else b""
    return data + b"trailer\n<< /Size 7 /Root 1 0 R /Info 5 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (
        prev,
        start,
    ), start


def packed() -> bytes:
    """Return a PDF whose information dictionary stands packed in an object stream, as office programs write it."""
    inside = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: PAGE,
        5: INFO,
    }
    head, text = b"", b""
    for number, body in inside.items():
        head += b"%d %d " % (number, len(text))
        text += body + b" "
    data = b"%PDF-1.5\n"
    places = {4: len(data)}
    data += b"4 0 obj\n%s\nendobj\n" % stream(b"", TEXT)
    places[7] = len(data)
    data += b"7 0 obj\n%s\nendobj\n" % stream(
        b"/Type /ObjStm /N %d /First %d /Filter /FlateDecode" % (len(inside), len(head)),
        zlib.compress(head + text),
    )
    start = places[8] = len(data)
    rows = b""
    for number in range(9):
        if number in places:
            rows += b"\x01" + places[number].to_bytes(4, "big") + b"\0"
        elif number in inside:
            rows += b"\x02" + (7).to_bytes(4, "big") + bytes([[*inside].index(number)])
        else:
            rows += b"\0" * 6
    table = stream(b"/Type /XRef /Size 9 /W [1 4 1] /Root 1 0 R /Info 5 0 R", rows)
    return data + b"8 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, start)
