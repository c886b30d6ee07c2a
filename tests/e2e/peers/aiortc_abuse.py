"""A publisher or viewer with aiortc that was let in and then sends what no one should. Prints one JSON line when it is connected
and one with the number of datagrams when all is sent; then it stays."""

import asyncio
import json
import random
import struct
import time

import aiortc_peer
from aiortc.rtp import RTCP_PSFB_PLI, RTCP_RTPFB_NACK, RtcpPsfbPacket, RtcpRtpfbPacket
from aiortc_publish import Picture, Tones

OURS = 0x5EED
# As fast as it goes would only fill the buffers of this machine.
BURST, PAUSE = 100, 0.01


def rtp(kind, sequence, ssrc, extensions=b"", payload=b"\x10\x00\x00" + bytes(97)):
    extended = 0x10 if extensions else 0
    return struct.pack("!BBHII", 0x80 | extended, kind, sequence & 0xFFFF, sequence * 90, ssrc) + extensions + payload


def wide(words):
    """Header extensions of so many words, of many small elements with two random bytes, or of noise."""
    if random.random() < 0.5:
        elements = b"".join(bytes([random.randrange(1, 15) << 4 | 1]) + random.randbytes(2) for _ in range(words))
        data = (elements + bytes(words))[: words * 4]
    else:
        data = random.randbytes(words * 4)
    return struct.pack("!HH", random.choice([0xBEDE, 0x1000, 0x1234]), words) + data


def garbage():
    """A compound of packets whose headers are valid, or nearly, and the rest is noise."""
    compound = struct.pack("!BBHI", 0x80, 201, 1, OURS)
    for _ in range(random.randrange(1, 8)):
        words = random.randrange(0, 40)
        count = 0x80 | random.randrange(32)
        compound += struct.pack("!BBH", count, random.randrange(192, 224), words + random.choice([0, 0, 0, 1, 900]))
        compound += random.randbytes(words * 4)
    return compound[:1200]


def pieces(number):
    """A DTLS record in plain text with pieces of messages that never get complete."""
    content = b"".join(struct.pack("!B3sH3s3s", 1, b"\0\0\xc8", (number * 90 + n) & 0xFFFF, b"\0\0\x09", b"\0\0\0") for n in range(90))
    return struct.pack("!BHHIHH", 22, 0xFEFD, 0, 0, 9 + number % 1000, len(content)) + content


async def main():
    parser = aiortc_peer.options(__doc__)
    parser.add_argument("--mode", required=True)
    parser.add_argument("--count", type=int, default=5000)
    arguments = parser.parse_args()
    random.seed(7)
    peer = aiortc_peer.peer_connection(arguments.address)
    viewer = "/whep/" in arguments.url
    seen = {}
    for kind in ["audio", "video"]:
        if viewer:
            receiver = peer.addTransceiver(kind, direction="recvonly").receiver
            handle = receiver._handle_rtp_packet

            async def on_rtp(packet, arrival_time_ms, kind=kind, handle=handle):
                seen[kind] = (packet.ssrc, packet.sequence_number)
                await handle(packet, arrival_time_ms)

            receiver._handle_rtp_packet = on_rtp
            link = receiver
        else:
            start = time.monotonic() + 0.2
            link = peer.addTransceiver(Picture(start, 640, 360) if kind == "video" else Tones(start, 440, 660), "sendonly").sender
    location = await aiortc_peer.connect(peer, arguments.url, arguments.token)
    while viewer and "video" not in seen:
        await asyncio.sleep(0.02)
    dtls = link.transport
    # The last one is the picture's.
    kind = None if viewer else peer.getTransceivers()[-1]._codecs[0].payloadType
    print(json.dumps({"ready": True, "session": location}), flush=True)

    sequence = [0]

    def packet(number):
        ssrc, newest = seen.get("video", (0, 0))
        match arguments.mode:
            case "plis":
                return bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=OURS, media_ssrc=ssrc))
            case "nacks":
                lost = sorted((newest - n) & 0xFFFF for n in range(1, 200))
                return bytes(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=OURS, media_ssrc=ssrc, lost=lost))
            case "nonsense-nacks":
                never = sorted((newest + 9_000 + n) & 0xFFFF for n in range(50))
                return bytes(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=OURS, media_ssrc=ssrc, lost=never))
            case "rtcp":
                return garbage()
            case "ssrcs":
                return rtp(kind, number, random.getrandbits(32))
            case "extensions":
                # Gaps, but forward: libsrtp sends nothing that the other side would take for a replay.
                sequence[0] += random.choice([1, 1, 7, 900])
                return rtp(kind, sequence[0], OURS, wide(random.randrange(1, 250)))
            case _:
                return pieces(number)

    for number in range(arguments.count):
        data = packet(number)
        if arguments.mode == "dtls":
            await dtls.transport._send(data)
        else:
            await dtls._send_rtp(data)
        if number % BURST == BURST - 1:
            await asyncio.sleep(PAUSE)
    print(json.dumps({"sent": arguments.count}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
