//! Publishes whole frames made in this process, such as the demo's: packets, sequence numbers and a clock.

use crate::hub::{Publisher, Repairs, TrackClock};
use crate::media::{Frame, MediaKind, NtpTime, Packet, PacketFlags};
use crate::protocol::webrtc::payload::{DEFAULT_MTU, Inspector, Packetizer};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How often the bitrate is measured, in nanoseconds.
const MEASURE_NS: u64 = 1_000_000_000;
/// The capture time goes with keyframes and every so many frames.
const CAPTURE_EVERY: u32 = 32;
/// Extended sequence numbers start above zero, so that what is before a joiner's first stays positive.
const FIRST_SEQUENCE: u64 = 0x1_0000;

/// Turns frames into packets of a stream.
pub struct FramePublisher {
    publisher: Publisher,
    epoch: Instant,
    tracks: Vec<Track>,
    clocks: Arc<[TrackClock]>,
    repairs: Repairs,
    window_start_ns: u64,
    window_bytes: u64,
}

struct Track {
    packetizer: Packetizer,
    inspector: Inspector,
    seq: u64,
    frame: u32,
}

impl FramePublisher {
    /// `epoch`: the start of the clock that arrival times are counted from.
    pub fn new(publisher: Publisher, epoch: Instant) -> Self {
        let infos = &publisher.stream().tracks;
        let tracks = infos
            .iter()
            .map(|track| Track {
                packetizer: Packetizer::new(track.codec, DEFAULT_MTU),
                inspector: Inspector::new(track),
                seq: FIRST_SEQUENCE,
                frame: 0,
            })
            .collect();
        let clocks =
            infos.iter().map(|track| TrackClock { rate: track.codec.clock_rate(), ..TrackClock::default() }).collect();
        let repairs = Repairs::default();
        FramePublisher { publisher, epoch, tracks, clocks, repairs, window_start_ns: 0, window_bytes: 0 }
    }

    /// Whether a viewer wants a keyframe; asking takes the wish.
    pub fn take_keyframe_request(&mut self) -> bool {
        self.publisher.take_keyframe_request() | self.repairs.take(self.publisher.stream(), Instant::now())
    }

    /// Whether nobody listens to the stream: its frames need not be made.
    pub fn rest(&mut self) -> bool {
        let idle = self.publisher.rest();
        if idle {
            // What is measured across a pause would be no rate of anything.
            self.publisher.stream().stats.bitrate.store(0, Ordering::Relaxed);
            (self.window_start_ns, self.window_bytes) = (self.epoch.elapsed().as_nanos() as u64, 0);
        }
        idle
    }

    /// Passes a frame on. Frames of a track come in order; `wall_ns` is the present wall-clock time.
    pub fn frame(&mut self, frame: &Frame, wall_ns: u64) {
        let index = usize::from(frame.track);
        let Some(track) = self.tracks.get_mut(index) else { return };
        let capture_ns = frame.capture_ns.unwrap_or(wall_ns);
        let clock = TrackClock { timestamp: frame.pts, wall_ns: capture_ns, rate: frame.codec.clock_rate() };
        self.clocks = self.clocks.iter().enumerate().map(|(at, old)| if at == index { clock } else { *old }).collect();
        track.frame = track.frame.wrapping_add(1);
        let now_ns = self.epoch.elapsed().as_nanos() as u64;
        let video = frame.codec.kind() == MediaKind::Video;
        let with_capture = video && (frame.keyframe || track.frame.is_multiple_of(CAPTURE_EVERY));
        let payloads = track.packetizer.packetize(frame);
        let last = payloads.len().saturating_sub(1);
        let mut packets = Vec::with_capacity(payloads.len());
        for (position, payload) in payloads.into_iter().enumerate() {
            let facts = track.inspector.inspect(frame.pts, &payload).facts;
            if let Some((width, height)) = facts.size {
                let size = u32::from(width) << 16 | u32::from(height);
                self.publisher.stream().stats.picture.store(size, Ordering::Relaxed);
            }
            self.window_bytes += payload.len() as u64;
            packets.push(Packet {
                track: frame.track,
                flags: PacketFlags {
                    marker: video && position == last,
                    frame_start: facts.frame_start,
                    keyframe_start: video && facts.keyframe_start,
                    keyframe: video && facts.keyframe,
                    discardable: facts.discardable,
                    layer: facts.layer,
                    layer_end: facts.layer_end,
                    upward: facts.upward,
                    spare: facts.spare,
                },
                padding: 0,
                audio_level: None,
                frame: track.frame,
                seq: track.seq,
                timestamp: frame.pts,
                capture: NtpTime(if with_capture && position == 0 { NtpTime::from_unix_ns(capture_ns).0 } else { 0 }),
                arrival_ns: now_ns,
                payload,
                descriptor: None,
            });
            track.seq += 1;
        }
        self.publisher.push(&mut packets, &self.clocks);
        let elapsed = now_ns - self.window_start_ns;
        if elapsed >= MEASURE_NS {
            let bitrate = self.window_bytes * 8 * 1_000_000_000 / elapsed;
            self.publisher.stream().stats.bitrate.store(bitrate, Ordering::Relaxed);
            (self.window_start_ns, self.window_bytes) = (now_ns, 0);
        }
    }
}
