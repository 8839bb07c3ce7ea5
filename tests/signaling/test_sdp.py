"""Descriptions small enough to send and usable when they arrive."""

from signaling.sdp import compact, fingerprint, spread, with_opus_parameters

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
TRANSPORT = (
    "a=candidate:1 1 udp 2130706431 192.0.2.2 43824 typ host\r\na=end-of-candidates\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:efghefghefghefghefghef\r\n"
    "a=fingerprint:sha-256 AA:BB\r\na=fingerprint:sha-384 CC:DD\r\na=fingerprint:sha-512 EE:FF\r\n"
    "a=setup:actpass\r\n"
)
VIDEO = "m=video 43824 UDP/TLS/RTP/SAVPF 101\r\na=mid:0\r\na=rtpmap:101 H264/90000\r\n"
AUDIO = "m=audio 43824 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 opus/48000/2\r\n"
FULL = HEAD + VIDEO + TRANSPORT + AUDIO + TRANSPORT


def test_what_a_bundle_shares_is_said_once() -> None:
    small = compact(FULL)
    for line in ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:sha-256", "a=setup:", "a=candidate:"):
        assert small.count(line) == 1
    assert "sha-384" not in small
    assert "sha-512" not in small
    assert small.index("a=ice-ufrag") < small.index("m=video"), (
        "a session attribute stands before the first m-line"
    )
    assert small.index("m=video") < small.index("a=candidate") < small.index("m=audio")


def test_the_writer_of_a_description_is_told_by_the_fingerprint_however_it_is_written() -> None:
    assert fingerprint(FULL) == fingerprint(compact(FULL)) == "a=fingerprint:sha-256 AA:BB"
    assert fingerprint("nonsense") == ""


def test_candidates_are_found_wherever_they_stand_and_put_where_aiortc_looks() -> None:
    for sdp in (compact(FULL), FULL):
        wide = spread(sdp)
        first, last = wide.split("m=audio")
        assert first.count("a=candidate:") == last.count("a=candidate:") == 1
        assert wide.count("a=end-of-candidates") == 2


def test_candidates_nobody_here_can_use_are_dropped() -> None:
    sdp = (
        HEAD
        + VIDEO
        + (
            "a=candidate:1 1 udp 1 11111111-2222.local 9 typ host\r\n"
            "a=candidate:2 1 tcp 1 192.0.2.7 9 typ host tcptype active\r\n"
            "a=candidate:3\r\na=candidate:\r\n"
            "a=end-of-candidates\r\n"
        )
    )
    assert "a=candidate" not in spread(sdp)
    assert "a=end-of-candidates" not in spread(sdp), "the peer may still be learned from its own checks"


def test_sound_is_asked_for_with_error_correction_and_without_silence_suppression() -> None:
    asked = with_opus_parameters(FULL)
    assert asked.count("useinbandfec=1") == 1
    assert "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 minptime=10;useinbandfec=1\r\n" in asked
    assert "usedtx" not in asked


def test_a_text_that_is_no_description_passes_without_an_error() -> None:
    assert spread("") == ""
    assert spread("nonsense") == "nonsense\r\n"
