"""A WHEP viewer with GStreamer's webrtcbin: decodes for some seconds and prints what it saw and heard as one JSON line."""

import argparse
import json
import sys
import threading

import numpy as np

# The bindings come from Debian, whose interpreter this environment was made from.
sys.path.append("/usr/lib/python3/dist-packages")
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

import measure
import signalling

DECODERS = {
    "VP8": "rtpvp8depay ! vp8dec",
    "VP9": "rtpvp9depay ! vp9dec",
    "H264": "rtph264depay ! h264parse ! openh264dec",
    "OPUS": "rtpopusdepay ! opusdec",
}
OFFERED = {
    "VP8": "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000,rtcp-fb-nack-pli=true",
    "VP9": "application/x-rtp,media=video,encoding-name=VP9,payload=96,clock-rate=90000,rtcp-fb-nack-pli=true",
    "H264": "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,rtcp-fb-nack-pli=true,"
    "packetization-mode=(string)1,profile-level-id=(string)42e01f,level-asymmetry-allowed=(string)1",
    "OPUS": "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2,"
    "stereo=(string)1",
}


class Viewer:
    def __init__(self, arguments):
        self.arguments = arguments
        self.loop = GLib.MainLoop()
        self.video, self.audio = measure.Video(), measure.Audio()
        self.failure = "no media within the time given"
        self.location = None
        self.pipeline = Gst.Pipeline()
        self.peer = Gst.ElementFactory.make("webrtcbin")
        self.peer.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.peer)
        self.audio_wanted = arguments.only != "video"
        for codec in [arguments.codec.upper()] + ["OPUS"] * self.audio_wanted:
            direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
            self.peer.emit("add-transceiver", direction, Gst.Caps.from_string(OFFERED[codec]))
        self.peer.connect("pad-added", self.arrived)
        self.peer.connect("notify::ice-gathering-state", self.gathered)
        self.pipeline.get_bus().add_signal_watch()
        self.pipeline.get_bus().connect("message::error", self.failed)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered, None))
        GLib.timeout_add(100, self.enough)
        GLib.timeout_add(int((self.arguments.seconds + 15) * 1000), self.loop.quit)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        if self.location:
            signalling.delete(self.location, self.arguments.token)
        report = {"peer": "gstreamer", "video": self.video.report(), "audio": self.audio.report(), "skew_ms": None}
        print(json.dumps(report), flush=True)
        if self.failure:
            sys.exit(self.failure)

    def failed(self, bus, message):
        self.failure = str(message.parse_error())
        self.loop.quit()

    def offered(self, promise, _):
        # The description belongs to the reply, and the reply to the promise: both must outlive it.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.peer.emit("set-local-description", offer, None)

    def gathered(self, peer, _):
        if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            threading.Thread(target=self.signal, daemon=True).start()

    def signal(self):
        offer = self.peer.get_property("local-description").sdp.as_text()
        try:
            self.location, answer = signalling.post(self.arguments.url, offer, self.arguments.token)
        except SystemExit as refused:
            self.failure = str(refused)
            self.loop.quit()
            return
        _, sdp = GstSdp.SDPMessage.new_from_text(answer)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.peer.emit("set-remote-description", description, None)

    def arrived(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        codec = pad.get_current_caps().get_structure(0).get_string("encoding-name").upper()
        if codec == "OPUS":
            raw, meter = "audioconvert ! audioresample ! audio/x-raw,format=F32LE,rate=48000,channels=2", self.hear
        else:
            raw, meter = "videoconvert ! video/x-raw,format=GRAY8", self.see
        sink = "appsink name=sink emit-signals=true sync=false max-buffers=0"
        branch = Gst.parse_bin_from_description(f"{DECODERS[codec]} ! {raw} ! {sink}", True)
        branch.get_by_name("sink").connect("new-sample", meter)
        self.pipeline.add(branch)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    def see(self, sink):
        sample = sink.emit("pull-sample")
        caps = sample.get_caps().get_structure(0)
        width, height = caps.get_value("width"), caps.get_value("height")
        data = np.frombuffer(sample.get_buffer().extract_dup(0, sample.get_buffer().get_size()), dtype=np.uint8)
        self.video.add(data.reshape(height, -1)[:, :width], None)
        return Gst.FlowReturn.OK

    def hear(self, sink):
        buffer = sink.emit("pull-sample").get_buffer()
        data = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), dtype=np.float32)
        self.audio.add(data.reshape(-1, 2), None)
        return Gst.FlowReturn.OK

    def enough(self):
        heard = not self.audio_wanted or len(self.audio.blocks) >= 45 * self.arguments.seconds
        if heard and self.video.frames >= 20 * self.arguments.seconds:
            self.failure = None
            self.loop.quit()
            return False
        return True


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("url")
parser.add_argument("--codec", default="VP8")
parser.add_argument("--token")
parser.add_argument("--address", help="not used: all addresses of the machine are gathered")
parser.add_argument("--only", choices=["video"])
parser.add_argument("--seconds", type=float, default=4)
Gst.init(None)
Viewer(parser.parse_args()).run()
