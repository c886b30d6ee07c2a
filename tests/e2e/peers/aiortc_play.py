"""A WHEP viewer with aiortc: decodes for some seconds and prints what it saw and heard as one JSON line."""

import asyncio
import json
import time

import numpy as np
from aiortc import RTCRtpReceiver, rtcrtpreceiver
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtcpSrPacket

import aiortc_peer
import measure
import signalling

CLOCK = {"video": 90000, "opus": 48000, "pcmu": 8000, "pcma": 8000}


class Timeline:
    """Maps RTP timestamps of one track to the sender's wall clock by its sender reports."""

    def __init__(self, clock):
        self.clock = clock
        self.report = None
        self.first_report_after = None
        self.transit = []
        self.started = None

    def rtcp(self, packet):
        if isinstance(packet, RtcpSrPacket):
            self.report = (packet.sender_info.ntp_timestamp / 2**32, packet.sender_info.rtp_timestamp)
            if self.first_report_after is None and self.started is not None:
                self.first_report_after = time.monotonic() - self.started

    def rtp(self, packet):
        if self.started is None:
            self.started = time.monotonic()
        self.transit.append((time.time(), packet.timestamp))

    def seconds(self, timestamp):
        if self.report is None:
            return None
        ntp, base = self.report
        ahead = (timestamp - base + 2**31) % 2**32 - 2**31
        return ntp + ahead / self.clock

    def delay(self):
        """Median of arrival minus capture, on the receiver's clock; only differences between tracks mean anything."""
        known = [at - seconds for at, stamp in self.transit if (seconds := self.seconds(stamp)) is not None]
        return float(np.median(known)) if known else None


def listen(receiver, timeline):
    rtp, rtcp = receiver._handle_rtp_packet, receiver._handle_rtcp_packet

    async def on_rtp(packet, arrival_time_ms):
        if packet.payload:
            timeline.rtp(packet)
        await rtp(packet, arrival_time_ms)

    async def on_rtcp(packet):
        timeline.rtcp(packet)
        await rtcp(packet)

    receiver._handle_rtp_packet, receiver._handle_rtcp_packet = on_rtp, on_rtcp


async def watch(track, frames):
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        frames.append((frame.pts, frame))


def luma(frame):
    plane = frame.planes[0]
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


async def main():
    parser = aiortc_peer.options(__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", choices=["audio", "video"])
    arguments = parser.parse_args()
    # Frames keep the RTP timestamp instead of one that starts at zero, so that reports can be applied to it.
    rtcrtpreceiver.TimestampMapper.map = lambda self, timestamp: timestamp
    peer = aiortc_peer.peer_connection(arguments.address)
    kinds = [arguments.only] if arguments.only else ["audio", "video"]
    timelines, seen, tasks = {}, {}, []
    for kind in kinds:
        transceiver = peer.addTransceiver(kind, direction="recvonly")
        wanted = arguments.codec if kind == "video" else arguments.audio
        codecs = RTCRtpReceiver.getCapabilities(kind).codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType.lower() == f"{kind}/{wanted}".lower()])
        timelines[kind], seen[kind] = Timeline(CLOCK[kind if kind == "video" else arguments.audio]), []
        listen(transceiver.receiver, timelines[kind])

    @peer.on("track")
    def arrived(track):
        tasks.append(asyncio.create_task(watch(track, seen[track.kind])))

    began = time.monotonic()
    location = await aiortc_peer.connect(peer, arguments.url, arguments.token)
    video, audio = measure.Video(), measure.Audio(CLOCK[arguments.audio])
    # Until each track has had its seconds, bounded by the caller's patience.
    while any(not frames or time.monotonic() - timelines[kind].started < arguments.seconds for kind, frames in seen.items()):
        await asyncio.sleep(0.05)
        if time.monotonic() - began > arguments.seconds + 15:
            break
    await asyncio.to_thread(signalling.delete, location, arguments.token)
    for pts, frame in seen.get("video", []):
        video.add(luma(frame), timelines["video"].seconds(pts))
    stamps = [pts for pts, _ in seen.get("video", [])]
    for pts, frame in seen.get("audio", []):
        samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels)).astype(np.float32) / 32768
        # Both channels of a track that has one.
        audio.add(samples[:, [0, -1]], timelines["audio"].seconds(pts))
    delays = [timeline.delay() for timeline in timelines.values()]
    report = {
        "peer": "aiortc",
        "video": video.report() if "video" in kinds else None,
        "audio": audio.report() if "audio" in kinds else None,
        # Longest step of media time from one picture to the next.
        "step_ms": max(((b - a) / 90 for a, b in zip(stamps, stamps[1:])), default=0),
        "skew_ms": measure.skew_ms(video.flashes, audio.beeps()),
        "transit_skew_ms": round((delays[1] - delays[0]) * 1000, 1) if len(delays) == 2 and None not in delays else None,
        "first_report_s": [timeline.first_report_after for timeline in timelines.values()],
    }
    print(json.dumps(report), flush=True)
    await peer.close()
    for task in tasks:
        task.cancel()


asyncio.run(main())
