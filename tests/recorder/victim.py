"""A recorder to be killed: it records in real time speed times twenty and says its facts on standard output."""

import json
import queue
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from evalroom.media import Packet
from recorder.capture import Capture
from recorder.facts import RecorderFact
from tests.recorder.seat import (
    T0_MS,
    at_ms,
    audio_packets,
    camera,
    in_order,
    pictures,
    reports,
    tones,
    video_packets,
)


def tell(fact: RecorderFact) -> None:
    sys.stdout.write(json.dumps([type(fact).__name__, asdict(fact)]) + "\n")
    sys.stdout.flush()


def main(folder: Path, seconds: int) -> None:
    now = [T0_MS]
    posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    capture = Capture(
        camera(), folder, clock=lambda: now[0], emit=tell, request_keyframe=lambda: None, post=posted.put
    )
    for item in in_order(video_packets(pictures(seconds)), audio_packets(tones(seconds)), reports(seconds)):
        now[0] = T0_MS + round(at_ms(item))
        if isinstance(item, Packet):
            capture.on_packet(item)
        else:
            capture.on_sender_report(item)
        while not posted.empty():
            posted.get()()
        time.sleep(0.0005)
    while True:  # whoever started it kills it
        posted.get()()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
