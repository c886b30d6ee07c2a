//! One layer of a publisher: what waits to be passed on, its timeline, its keyframe requests, whether it is sent at all.

use super::layer_rates::LayerRates;
use super::timeline::Timeline;
use crate::hub::{Publisher, Repairs, Stream};
use crate::media::Packet;
use crate::protocol::webrtc::MediaParams;
use crate::protocol::webrtc::payload::{Facts, LayerSizes};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Packets wait for the rest of their frame at most this long.
pub const FLUSH_AFTER: Duration = Duration::from_millis(2);
/// A publisher is asked for a keyframe at most so often; asks in between are one. Those of viewers who can not decode have
/// [another bound](Repairs) besides.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);
/// An ask that brought no keyframe by then is repeated: the request or the keyframe was lost.
const KEYFRAME_PATIENCE: Duration = Duration::from_millis(1_000);
/// Packets of one frame that differ by no more are padded to one size, so that they leave in one segmented send.
const EQUALISE: usize = 16;
/// A layer of several that was silent for this long is not sent any more: frames come at least 5 a second.
const SILENCE: Duration = Duration::from_secs(1);
/// How long it may take until it is known which layer is the best: browsers start with the lowest and add the others as
/// they find bandwidth for them.
const DIVISION_PATIENCE: Duration = Duration::from_secs(1);
/// Packets of a layer that wait for that at most, some 2.4 MB.
const MOST_HELD: usize = 2_000;

/// One layer; a publisher without simulcast has one.
pub struct Layer {
    /// Where its packets go; none while it is not known which of the layers is the best, and for layers that the stream
    /// does not have.
    pub stream: Option<Arc<Stream>>,
    pub timeline: Timeline,
    pub keyframe: KeyframeAsk,
    repairs: Repairs,
    pub size: Option<(u16, u16)>,
    /// Of its spatial layers, once told.
    sizes: Option<LayerSizes>,
    rates: LayerRates,
    /// The lowest size had pictures of late that no larger one builds on.
    spare: bool,
    pending: Vec<Packet>,
    pending_since: Option<Instant>,
    /// The last packet of its picture.
    seen: Option<Instant>,
    /// Bytes since the last measurement of the bitrate: all, and the picture's.
    window_bytes: u64,
    picture_bytes: u64,
    window_start: Option<Instant>,
    /// The same of all windows before.
    total_bytes: u64,
    total_picture_bytes: u64,
    /// Keyframes that were asked for.
    pub keyframe_requests: u64,
}

/// What is known of the keyframes that were asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyframeAsk {
    pub wanted: bool,
    /// When it was asked for the one that has not come yet.
    asked: Option<Instant>,
    /// When it was asked last, whatever came of it.
    last: Option<Instant>,
    /// One has come.
    seen: bool,
}

impl KeyframeAsk {
    /// A keyframe starts: who asked before is served by it.
    pub fn came(&mut self) {
        *self = KeyframeAsk { seen: true, last: self.last, ..KeyframeAsk::default() };
    }

    /// The first picture of a publisher is to be a keyframe.
    pub fn want_first(&mut self) {
        self.wanted |= !self.seen && self.asked.is_none();
    }

    fn is_due(&self, now: Instant) -> bool {
        if self.wanted {
            // Also when the last one has come: a viewer that asks all the time must not make every frame one.
            return self.last.is_none_or(|last| now >= last + KEYFRAME_INTERVAL);
        }
        self.asked.is_some_and(|asked| now >= asked + KEYFRAME_PATIENCE)
    }
}

impl Layer {
    pub fn new(media: &[MediaParams], stream: Option<Arc<Stream>>) -> Self {
        Layer {
            stream,
            timeline: Timeline::new(media.iter().map(|media| media.track.codec.clock_rate())),
            keyframe: KeyframeAsk::default(),
            repairs: Repairs::default(),
            size: None,
            sizes: None,
            rates: LayerRates::default(),
            spare: false,
            pending: Vec::new(),
            pending_since: None,
            seen: None,
            window_bytes: 0,
            picture_bytes: 0,
            window_start: None,
            total_bytes: 0,
            total_picture_bytes: 0,
            keyframe_requests: 0,
        }
    }

    /// A packet of its picture came.
    pub fn saw(&mut self, now: Instant) {
        self.seen = Some(now);
    }

    /// Counts a packet of its picture by spatial and temporal layer.
    pub fn count_layer(&mut self, facts: &Facts, bytes: usize) {
        self.rates.count(facts.layer, bytes);
        self.sizes = facts.sizes.or(self.sizes);
        if let Some(stream) = &self.stream {
            stream.stats.layers.saw(facts.layer);
            if facts.spare && facts.layer.spatial() == 0 && !self.spare && stream.has_spatial_layers() {
                self.spare = true;
                stream.stats.layers.set_apart(true);
            }
            if let Some(sizes) = &facts.sizes {
                stream.stats.layers.set_sizes(sizes);
            }
        }
    }

    /// Whether its picture has come lately.
    pub fn is_sent(&self, now: Instant) -> bool {
        self.seen.is_some_and(|seen| now < seen + SILENCE)
    }

    pub fn count_bytes(&mut self, bytes: usize, video: bool) {
        self.window_bytes += bytes as u64;
        self.picture_bytes += if video { bytes as u64 } else { 0 };
    }

    /// Takes a packet to be passed on with those around it.
    pub fn hold(&mut self, packet: Packet, now: Instant) {
        self.pending.push(packet);
        self.pending_since.get_or_insert(now);
    }

    /// Whether packets wait whose time has come, or whose frame is complete.
    pub fn should_flush(&self, now: Instant, audio: impl Fn(u8) -> bool) -> bool {
        match self.pending_since {
            Some(since) => {
                self.pending.last().is_some_and(|packet| packet.flags.marker || audio(packet.track))
                    || now >= since + FLUSH_AFTER
            }
            None => false,
        }
    }

    /// When waiting packets must go.
    pub fn flush_at(&self) -> Option<Instant> {
        self.stream.as_ref()?;
        self.pending_since.map(|since| since + FLUSH_AFTER)
    }

    /// Whether so much waits that it can wait no longer for the layers to be told apart.
    pub fn is_crowded(&self) -> bool {
        self.pending.len() >= MOST_HELD
    }

    /// Passes what waits to the hub.
    pub fn flush(&mut self, publisher: &Publisher) {
        if let Some(stream) = &self.stream {
            equalise(&mut self.pending);
            publisher.push_to(stream, &mut self.pending, self.timeline.clocks());
        }
        self.pending.clear();
        self.pending_since = None;
    }

    /// Passes a packet to the hub at once, past those that wait.
    pub fn pass(&mut self, packet: Packet, publisher: &Publisher) {
        if let Some(stream) = &self.stream {
            publisher.push_to(stream, &mut vec![packet], self.timeline.clocks());
        }
    }

    /// Notes the size of its picture.
    pub fn set_size(&mut self, width: u16, height: u16) {
        self.size = Some((width, height));
        if let Some(stream) = &self.stream {
            stream.stats.picture.store(u32::from(width) << 16 | u32::from(height), Ordering::Relaxed);
        }
    }

    /// From now on its packets go to this stream. Returns what [`Layer::note_activity`] does.
    pub fn settle(&mut self, stream: Option<Arc<Stream>>, now: Instant) -> Option<bool> {
        self.stream = stream;
        if let Some((width, height)) = self.size {
            self.set_size(width, height);
        }
        if let (Some(stream), Some(sizes)) = (&self.stream, &self.sizes) {
            stream.stats.layers.set_sizes(sizes);
        }
        self.note_activity(now)
    }

    /// Tells the stream whether its publisher sends this layer. Returns that where it has changed.
    pub fn note_activity(&self, now: Instant) -> Option<bool> {
        let stream = self.stream.as_ref()?;
        let sent = self.is_sent(now);
        let changed = stream.stats.active.swap(sent, Ordering::Relaxed) != sent;
        if changed {
            tracing::debug!(stream = %stream.name, key = stream.key, active = sent, size = ?self.size, "layer");
        }
        if !sent {
            stream.stats.bitrate.store(0, Ordering::Relaxed);
            stream.stats.picture_bitrate.store(0, Ordering::Relaxed);
        }
        changed.then_some(sent)
    }

    /// Whether the publisher is to be asked for a keyframe now; notes that it is.
    pub fn ask_for_keyframe(&mut self, now: Instant) -> bool {
        if let Some(stream) = &self.stream {
            self.keyframe.wanted |= stream.take_keyframe_request() | self.repairs.take(stream, now);
        }
        // A layer that is not sent begins with a keyframe when it comes back: it is not asked again and again.
        let due = self.keyframe.is_due(now) && (self.keyframe.wanted || self.is_sent(now));
        if due {
            self.keyframe = KeyframeAsk { wanted: false, asked: Some(now), last: Some(now), ..self.keyframe };
        }
        due
    }

    /// Bits a second of the last seconds; 0 while unknown.
    pub fn bitrate(&self) -> u64 {
        self.stream.as_ref().map_or(0, |stream| stream.stats.bitrate.load(Ordering::Relaxed))
    }

    /// Payload bytes of the sound and of the picture, up to the last second.
    pub fn total_bytes(&self) -> (u64, u64) {
        (self.total_bytes - self.total_picture_bytes, self.total_picture_bytes)
    }

    /// Brings the bitrate up to date, once a second.
    pub fn measure(&mut self, now: Instant) {
        let start = *self.window_start.get_or_insert(now);
        let elapsed = now.saturating_duration_since(start);
        if elapsed < Duration::from_secs(1) {
            return;
        }
        let (all, picture) = (std::mem::take(&mut self.window_bytes), std::mem::take(&mut self.picture_bytes));
        self.window_start = Some(now);
        (self.total_bytes, self.total_picture_bytes) = (self.total_bytes + all, self.total_picture_bytes + picture);
        let Some(stream) = &self.stream else { return };
        self.rates.measure(elapsed, &stream.stats.layers);
        stream.stats.layers.set_apart(std::mem::take(&mut self.spare));
        for (rate, bytes) in [(&stream.stats.bitrate, all), (&stream.stats.picture_bitrate, picture)] {
            let current = (bytes * 8) as f64 / elapsed.as_secs_f64();
            let before = rate.load(Ordering::Relaxed) as f64;
            let mean = if before == 0.0 { current } else { before * 0.6 + current * 0.4 };
            rate.store(mean as u64, Ordering::Relaxed);
        }
    }
}

/// Which of several layers is the best, once that can be told: the one with the most pixels, whatever the publisher's order.
/// `first`: when the first packet of any, or of the sound, came.
pub fn best(layers: &[Layer], first: Instant, now: Instant) -> Option<usize> {
    let pixels = |layer: &Layer| layer.size.map_or(0, |(width, height)| u32::from(width) * u32::from(height));
    let known = layers.iter().all(|layer| layer.size.is_some());
    if !known && now < first + DIVISION_PATIENCE && !layers.iter().any(Layer::is_crowded) {
        return None;
    }
    // The last of equals: while no size is known, the last that sends, or that might.
    let seen = layers.iter().enumerate().filter(|(_, layer)| layer.seen.is_some());
    seen.max_by_key(|(_, layer)| pixels(layer)).map(|(index, _)| index).or(layers.len().checked_sub(1))
}

/// Pads packets of one frame that are nearly of one size to that size. The last may be shorter in any case.
fn equalise(packets: &mut [Packet]) {
    let mut rest = packets;
    while !rest.is_empty() {
        let (track, frame) = (rest[0].track, rest[0].frame);
        let length = rest.iter().take_while(|packet| packet.track == track && packet.frame == frame).count();
        let (group, after) = rest.split_at_mut(length);
        rest = after;
        let largest = group.iter().map(|packet| packet.payload.len()).max().unwrap_or_default();
        let last = group.len() - 1;
        for packet in &mut group[..last] {
            let missing = largest - packet.payload.len();
            if missing <= EQUALISE {
                packet.padding = missing as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_layer_has_the_most_pixels_or_is_the_last_that_sends() {
        let start = Instant::now();
        let late = start + DIVISION_PATIENCE;
        type Seen = (bool, Option<(u16, u16)>);
        let (none, silent): (Seen, Seen) = ((true, None), (false, None));
        let sized = |width, height| (true, Some((width, height)));
        let rows: [(&str, Vec<Seen>, Instant, Option<usize>); 9] = [
            ("all known, lowest first", vec![sized(320, 180), sized(640, 360), sized(1280, 720)], start, Some(2)),
            ("highest first", vec![sized(1280, 720), sized(640, 360), sized(320, 180)], start, Some(0)),
            ("in no order", vec![sized(640, 360), sized(1280, 720), sized(320, 180)], start, Some(1)),
            ("one is not known yet", vec![sized(320, 180), sized(640, 360), silent], start, None),
            ("nor in time", vec![sized(320, 180), sized(640, 360), silent], late, Some(1)),
            ("one is sent without a keyframe", vec![sized(320, 180), none, silent], late, Some(0)),
            ("no size is known", vec![none, none, silent], late, Some(1)),
            ("nothing but sound came", vec![silent, silent], late, Some(1)),
            ("equal ones", vec![sized(640, 360), sized(640, 360)], start, Some(1)),
        ];
        for (name, seen, now, expected) in rows {
            let layer = |(sent, size): &Seen| {
                let mut layer = Layer::new(&[], None);
                layer.size = *size;
                layer.seen = sent.then_some(start);
                layer
            };
            let layers: Vec<Layer> = seen.iter().map(layer).collect();
            assert_eq!(best(&layers, start, now), expected, "{name}");
        }
    }

    #[test]
    fn keyframes_are_asked_for_once_and_again_where_none_comes() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut layer = Layer::new(&[], None);
        layer.saw(start);
        layer.keyframe.want_first();
        assert!(layer.ask_for_keyframe(ms(1)) && !layer.ask_for_keyframe(ms(2)));
        layer.keyframe.wanted = true;
        assert!(!layer.ask_for_keyframe(ms(200)) && layer.ask_for_keyframe(ms(301)));
        assert!(!layer.ask_for_keyframe(ms(1_301)), "it is not sent any more");
        layer.keyframe.wanted = true;
        assert!(layer.ask_for_keyframe(ms(1_302)), "but somebody wants one");
        layer.saw(ms(2_400));
        assert!(layer.ask_for_keyframe(ms(2_401)), "the one that was asked for never came");
        layer.keyframe.came();
        layer.keyframe.want_first();
        assert!(!layer.ask_for_keyframe(ms(9_000)));
    }
    #[test]
    fn keyframes_that_come_at_once_are_not_asked_for_more_often() {
        let start = Instant::now();
        let mut layer = Layer::new(&[], None);
        let asked = (0..3_000u64).filter(|ms| {
            let now = start + Duration::from_millis(*ms);
            layer.saw(now);
            layer.keyframe.wanted = true;
            let asked = layer.ask_for_keyframe(now);
            if asked {
                layer.keyframe.came();
            }
            asked
        });
        assert_eq!(asked.count(), 10);
    }
}
