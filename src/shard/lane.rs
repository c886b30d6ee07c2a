//! One track on its way to one viewer: continuous sequence numbers and timestamps, and the RTP header on the wire.

use super::numbered::{Numbered, Way};
use super::socket::MAX_PACKET;
use super::thinning::{Look, Thinning};
use crate::hub::{Ring, StreamKey, TrackClock};
use crate::media::{Codec, LayerId, MediaKind, Packet};
use crate::protocol::webrtc::payload::{self, PictureShift};
use crate::protocol::webrtc::srtp::SrtpSender;
use crate::protocol::webrtc::{ExtensionIds, MediaParams};

/// Frames before the one that was newest at the join are shown this far apart, in ticks of 90 kHz: a player runs through
/// them in a moment and stands at live, instead of showing them at their own pace and staying behind.
const CATCH_UP_TICKS: u64 = 90;

/// Frames of two renditions are at least so far apart where a viewer changes over: a part of a second.
const LEAST_STEP: u64 = 1_000;

/// Where a lane is in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Waits for a first packet that can be played.
    Waiting,
    /// Behind: the next packet is the ring's at this position.
    Behind(u64),
    /// Gets each packet as it comes.
    Live,
    /// Gets nothing: what it would get is too much for the viewer's way.
    Held,
}

/// What became of a packet of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It was sent; its extended sequence number at the source.
    Sent(u64),
    /// It never was.
    Unknown,
}

/// What a lane has counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    packets: u64,
    octets: u64,
    highest_index: u64,
}

/// One track of one viewer.
pub struct Lane {
    pub track: u8,
    pub kind: MediaKind,
    pub ssrc: u32,
    payload_type: u8,
    rtx: Option<(u8, u32)>,
    nack: bool,
    position: Position,
    /// The next packet follows the last one that was sent, whatever their numbers at the source.
    closes_up: bool,
    /// The source's sequence number that was sent as index `first_index`; none before the first packet.
    base: Option<u64>,
    /// SRTP index (RFC 3711, 3.3.1) of the first packet: below 2^15, so that a few before it do not wrap below zero.
    first_index: u64,
    highest_index: u64,
    rtx_index: u64,
    timestamp_offset: u32,
    /// Ticks by which it is later than the wall clock says, since timestamps must not go back.
    late: u64,
    /// Frame and timestamp that were newest at the join; frames before are moved close to it.
    head: Option<(u32, u64)>,
    extensions: ExtensionIds,
    two_byte: bool,
    /// The extensions that each packet has, encoded in the one-byte and in the two-byte form.
    fixed_extensions: [Vec<u8>; 2],
    /// Bytes that SRTP adds.
    overhead: usize,
    /// Where the viewer's way is measured.
    numbered: Option<Box<Numbered>>,
    codec: Codec,
    /// Of VP8 and VP9 that has moved: its picture ids go on, too.
    pictures: Option<PictureShift>,
    pub packets: u64,
    /// Payload bytes, as sender reports count them.
    pub octets: u64,
    pub retransmitted: u64,
    /// Packets left out because they do not fit into a datagram here.
    pub oversize: u64,
    /// Frames left out since the viewer was too slow.
    pub skipped_frames: u64,
    /// The newest frame of its track, and of which stream, when it was looked at last.
    newest_frame: Option<(StreamKey, u32)>,
    /// What it leaves out; none for a viewer who gets all layers, which then costs nothing.
    thinning: Option<Box<Thinning>>,
}

impl Lane {
    pub fn new(media: &MediaParams, overhead: usize) -> Self {
        let mut random = [0u8; 12];
        getrandom::fill(&mut random).expect("the system's random source works");
        let number = |at: usize| u32::from_be_bytes([random[at], random[at + 1], random[at + 2], random[at + 3]]);
        let ids = media.extensions;
        let rtx = media.rtx_payload_type.zip(media.rtx_ssrc);
        // Without RTX a lost packet would be sent again byte for byte, number included.
        let number_id = ids.transport_cc.filter(|_| rtx.is_some() && media.feedback.transport_cc);
        // One-byte headers hold ids up to 14 (RFC 8285, 4.2); one larger id makes all of them two-byte. So does a descriptor beside a
        // number, which has one place in all packets.
        let all = [ids.mid, ids.audio_level, ids.abs_capture_time, ids.dependencies, number_id];
        let two_byte =
            all.into_iter().flatten().any(|id| id > 14) || (number_id.is_some() && ids.dependencies.is_some());
        let mut numbered = None;
        let fixed_extensions = [false, true].map(|form| {
            let mut fixed = Vec::new();
            if let Some(id) = number_id {
                let mut element = [0; 4];
                let length = write_element(&mut element, form, id, &[0, 0]);
                fixed.extend_from_slice(&element[..length]);
                if form == two_byte {
                    numbered = Some(Box::new(Numbered::new(EXTENSIONS + length - 2)));
                }
            }
            if let Some(id) = ids.mid.filter(|_| (1..=MAX_MID).contains(&media.mid.len())) {
                let mut element = [0; 2 + MAX_MID];
                let length = write_element(&mut element, form, id, media.mid.as_bytes());
                fixed.extend_from_slice(&element[..length]);
            }
            fixed
        });
        Lane {
            track: media.track_index,
            kind: media.track.kind(),
            ssrc: media.ssrc.unwrap_or_default(),
            payload_type: media.payload_type,
            rtx,
            nack: media.feedback.nack,
            position: Position::Waiting,
            closes_up: false,
            base: None,
            first_index: u64::from(number(0) & 0x3fff) + 0x1000,
            highest_index: 0,
            rtx_index: u64::from(number(4) & 0x3fff),
            timestamp_offset: number(8),
            late: 0,
            head: None,
            extensions: ids,
            two_byte,
            fixed_extensions,
            overhead,
            numbered,
            codec: media.track.codec,
            pictures: None,
            packets: 0,
            octets: 0,
            retransmitted: 0,
            oversize: 0,
            skipped_frames: 0,
            newest_frame: None,
            thinning: None,
        }
    }

    /// Says which layers of its picture it is to send: less from the next picture on, more when that can be decoded. `apart`: those of
    /// the smaller sizes are not needed for larger ones.
    pub fn thin(&mut self, layers: LayerId, apart: bool) {
        if self.kind != MediaKind::Video || (self.thinning.is_none() && layers == LayerId::ALL && !apart) {
            return;
        }
        let thinning = self.thinning.get_or_insert_with(|| {
            let mut thinning = Thinning::new(layers, self.codec == Codec::Av1);
            if let Some(base) = self.base {
                let next = (self.highest_index + 1).max(self.first_index);
                thinning.begin(next, base + (next - self.first_index));
            }
            Box::new(thinning)
        });
        thinning.want(layers);
    }

    /// The layers that it leaves nothing out of, and whether others need a keyframe; none where it sends all.
    pub fn thinned(&self) -> Option<(LayerId, bool)> {
        self.thinning.as_ref().map(|thinning| (thinning.present(), self.base.is_some() && thinning.needs_keyframe()))
    }

    /// Whether another size, also a smaller one, comes with a keyframe alone.
    pub fn keeps_size(&self) -> bool {
        self.thinning.as_ref().is_some_and(|thinning| thinning.keeps_size())
    }

    /// Whether the viewer can put spatial layers together to one picture: those of AV1 take the dependency descriptor.
    pub fn joins_layers(&self) -> bool {
        self.codec != Codec::Av1 || self.extensions.dependencies.is_some()
    }

    /// Index and look of a packet. None: it is not for this viewer.
    #[inline]
    fn place(&mut self, packet: &Packet) -> Option<(u64, Look)> {
        let first = self.base.is_none();
        let base = *self.base.get_or_insert(packet.seq);
        if let Some(thinning) = &mut self.thinning {
            if first {
                thinning.begin(self.first_index, packet.seq);
            }
            if packet.seq >= thinning.first_source() {
                return thinning.place(packet);
            }
        }
        // Packets from before the first one were never this viewer's.
        Some((packet.seq.checked_sub(base)? + self.first_index, Look::of(packet)))
    }

    /// Sequence numbers go on after the last that was sent, with this packet of the source.
    fn begin_anew(&mut self, first: &Packet) {
        (self.first_index, self.base) = (self.highest_index + 1, Some(first.seq));
        if let Some(thinning) = &mut self.thinning {
            thinning.begin(self.first_index, first.seq);
        }
    }

    /// Copies the payload, as it looks for this viewer. Returns its length.
    #[inline]
    fn payload(&self, room: &mut [u8], packet: &Packet, look: Look) -> usize {
        if look.blank {
            return 0;
        }
        let payload = &mut room[..packet.payload.len()];
        payload.copy_from_slice(&packet.payload);
        if let Some(shift) = &self.pictures {
            shift.apply(payload);
        }
        if look.layers != LayerId::ALL && packet.flags.keyframe_start && self.codec == Codec::Av1 {
            payload::narrow_av1(payload, look.layers);
        }
        payload.len()
    }

    /// Whether the viewer's way is measured by its packets.
    pub fn is_numbered(&self) -> bool {
        self.numbered.is_some()
    }

    /// Starts at a keyframe in the ring and runs up to live.
    pub fn start_at(&mut self, position: u64, ring: &Ring) {
        self.position = Position::Behind(position);
        let newest =
            (position..ring.end()).rev().filter_map(|at| ring.get(at)).find(|packet| packet.track == self.track);
        self.head = newest.map(|packet| (packet.frame, packet.timestamp));
    }

    /// Goes over to another rendition, whose keyframe starts with `first`: sequence numbers go on, and timestamps by the wall
    /// clocks of both. `newest`: timestamp and arrival of the newest packet of the stream that it leaves. What was sent
    /// before is not sent again: the keyframe makes up for it.
    pub fn move_to(&mut self, from: TrackClock, newest: Option<(u64, u64)>, to: TrackClock, first: &Packet) {
        self.position = Position::Waiting;
        (self.head, self.closes_up) = (None, false);
        if !self.has_started() {
            return;
        }
        let (newest, arrival_ns) = newest.unwrap_or((first.timestamp, first.arrival_ns));
        let rate = u64::from(to.rate.max(1));
        let least = newest + rate / LEAST_STEP;
        let elapsed = first.arrival_ns.saturating_sub(arrival_ns) * rate / 1_000_000_000;
        let by_arrival = (newest + elapsed).wrapping_sub(self.late);
        let by_clocks = from.timestamp_at(to.wall_at(first.timestamp)).wrapping_sub(self.late);
        let credible = from.wall_ns != 0 && to.wall_ns != 0 && by_clocks.abs_diff(by_arrival) < rate / 2;
        let wanted = if credible { by_clocks } else { by_arrival };
        let at = wanted.max(least);
        self.late = at - wanted;
        self.timestamp_offset = self.timestamp(at).wrapping_sub(first.timestamp as u32);
        self.begin_anew(first);
    }

    /// As [`Lane::move_to`], before it: picture ids go on. `ring`: what the stream that it leaves has sent.
    pub fn carry_on_pictures(&mut self, ring: &Ring, first: &Packet) {
        if self.base.is_some() {
            let last = self.source_at(self.highest_index).and_then(|source| ring.find(self.track, source));
            let last = last.map(|packet| &*packet.payload);
            self.pictures = PictureShift::following(self.codec, last, self.pictures, &first.payload);
        }
    }

    /// The ring's position of the next packet, for a lane that is behind.
    pub fn behind(&self) -> Option<u64> {
        match self.position {
            Position::Behind(position) => Some(position),
            _ => None,
        }
    }

    pub fn is_behind(&self) -> bool {
        self.behind().is_some()
    }

    pub fn advance(&mut self) {
        if let Position::Behind(position) = &mut self.position {
            *position += 1;
        }
    }

    pub fn up_to_date(&mut self) {
        self.position = Position::Live;
    }

    /// New packets came, the first of them at position `first` of the ring: where it would take one as it comes, that is its
    /// next.
    pub fn fall_behind(&mut self, packets: &[Packet], first: u64) {
        if self.is_behind() {
            return;
        }
        let taken = packets.iter().position(|packet| packet.track == self.track && self.admits(packet));
        if let Some(index) = taken {
            self.position = Position::Behind(first + index as u64);
        }
    }

    /// Everything before a position has been sent, or is not to be.
    pub fn behind_from(&mut self, position: u64) {
        if self.behind().is_some_and(|own| own < position) {
            self.position = Position::Behind(position);
        }
    }

    /// Leaves out what is before its next packet: sequence numbers go on as if it had never been, so that nobody asks for it.
    pub fn leave_out(&mut self) {
        if self.has_started() {
            self.base = None;
            self.first_index = self.highest_index + 1;
        }
    }

    /// What it counts, to be restored when a packet that was written could not be sent.
    pub fn counted(&self) -> Counted {
        Counted { packets: self.packets, octets: self.octets, highest_index: self.highest_index }
    }

    /// A packet that was written will be written again.
    pub fn restore(&mut self, before: &Counted) {
        (self.packets, self.octets, self.highest_index) = (before.packets, before.octets, before.highest_index);
    }

    pub fn wait_for_keyframe(&mut self) {
        self.position = Position::Waiting;
    }

    /// Sends no more of this rendition, until it moves to another or is [released](Lane::release).
    pub fn hold(&mut self) {
        self.position = Position::Held;
    }

    /// Goes on with the rendition that it was held at, at its next keyframe. True where it was held.
    pub fn release(&mut self) -> bool {
        let held = self.position == Position::Held;
        if held {
            (self.position, self.closes_up) = (Position::Waiting, true);
        }
        held
    }

    /// Whether it takes a packet that has just come.
    pub fn admits(&mut self, packet: &Packet) -> bool {
        match self.position {
            Position::Live => true,
            Position::Behind(_) | Position::Held => false,
            Position::Waiting => {
                let starts = self.kind == MediaKind::Audio || packet.flags.keyframe_start;
                if starts {
                    self.position = Position::Live;
                    if std::mem::take(&mut self.closes_up) && self.base.is_some() {
                        self.begin_anew(packet);
                    }
                }
                starts
            }
        }
    }

    /// How many frames its stream had since the last look; they count as left out while the lane is held. To be called about once a
    /// second: nothing is counted per packet.
    pub fn frames_since(&mut self, key: StreamKey, newest: u32) -> u64 {
        let before = self.newest_frame.replace((key, newest));
        let since = before.filter(|(of, _)| *of == key).map_or(0, |(_, before)| newest.wrapping_sub(before));
        // Numbers of frames only rise; a publisher that came back begins anew.
        let since = if since > u32::MAX / 2 { 0 } else { u64::from(since) };
        if self.position == Position::Held {
            self.skipped_frames += since;
            return 0;
        }
        since
    }

    /// Whether anything was sent.
    pub fn has_started(&self) -> bool {
        self.highest_index > 0
    }

    /// The RTP timestamp on the wire of a source timestamp.
    pub fn timestamp(&self, source: u64) -> u32 {
        (source as u32).wrapping_add(self.timestamp_offset)
    }

    /// Writes and seals a packet. Returns its length; 0 when it can not be sent.
    #[inline]
    pub fn write(&mut self, room: &mut [u8], packet: &Packet, sender: &SrtpSender, way: Option<Way<'_>>) -> usize {
        self.write_as(room, packet, sender, true, way)
    }

    /// As [`Lane::write`], where the packet may not go out and is written again then: the very same bytes, so without a number.
    pub fn write_tentatively(&mut self, room: &mut [u8], packet: &Packet, sender: &SrtpSender) -> usize {
        self.write_as(room, packet, sender, false, None)
    }

    #[inline]
    fn write_as(
        &mut self,
        room: &mut [u8],
        packet: &Packet,
        sender: &SrtpSender,
        once: bool,
        way: Option<Way<'_>>,
    ) -> usize {
        let Some((index, look)) = self.place(packet) else { return 0 };
        let header = self.header(room, packet, look, self.payload_type, index as u16, self.ssrc);
        let padding = if look.blank { BLANK } else { packet.padding };
        if header + packet.payload.len() + usize::from(padding) + self.overhead > MAX_PACKET {
            self.oversize += 1;
            return 0;
        }
        let payload = self.payload(&mut room[header..], packet, look);
        let end = header + payload + usize::from(padding);
        if padding > 0 {
            room[0] |= 0x20;
            room[header + payload..end].fill(0);
            room[end - 1] = padding;
        }
        if let Some(numbered) = self.numbered.as_mut().filter(|_| once) {
            if !numbered.is_first(index) {
                return 0;
            }
            numbered.number(room, end, way);
        }
        self.packets += 1;
        self.octets += payload as u64;
        self.highest_index = self.highest_index.max(index);
        sender.seal_rtp(room, header, end, self.ssrc, index)
    }

    /// Writes a packet that was lost: as RTX (RFC 4588) where negotiated, else the very same bytes as before. Their
    /// content depends only on the packet and on what is fixed for the lane, so one sequence number never covers two
    /// different packets, which would break AES-GCM.
    pub fn write_again(
        &mut self,
        room: &mut [u8],
        packet: &Packet,
        sender: &SrtpSender,
        way: Option<Way<'_>>,
    ) -> usize {
        self.retransmitted += 1;
        if self.rtx.is_some() {
            return self.write_rtx(room, packet, sender, way);
        }
        let (packets, octets) = (self.packets, self.octets);
        let length = self.write(room, packet, sender, None);
        (self.packets, self.octets) = (packets, octets);
        length
    }

    /// Writes a packet as RTX, where negotiated: a packet of its own each time.
    pub fn write_rtx(&mut self, room: &mut [u8], packet: &Packet, sender: &SrtpSender, way: Option<Way<'_>>) -> usize {
        let (Some((index, look)), Some((payload_type, ssrc))) = (self.placed(packet), self.rtx) else { return 0 };
        let rtx_index = self.rtx_index;
        self.rtx_index += 1;
        let header = self.header(room, packet, look, payload_type, rtx_index as u16, ssrc);
        if header + 2 + packet.payload.len() + self.overhead > MAX_PACKET {
            self.oversize += 1;
            return 0;
        }
        room[header..header + 2].copy_from_slice(&(index as u16).to_be_bytes());
        let end = header + 2 + self.payload(&mut room[header + 2..], packet, look);
        if let Some(numbered) = &self.numbered {
            numbered.number(room, end, way);
        }
        sender.seal_rtp(room, header, end, ssrc, rtx_index)
    }

    /// Writes a packet of the retransmission stream that has nothing but padding, 1 to 255 bytes. `like`: a packet of the
    /// source, for the timestamp.
    pub fn write_padding(
        &mut self,
        room: &mut [u8],
        like: &Packet,
        padding: u8,
        sender: &SrtpSender,
        way: Option<Way<'_>>,
    ) -> usize {
        let Some((payload_type, ssrc)) = self.rtx.filter(|_| padding > 0) else { return 0 };
        let rtx_index = self.rtx_index;
        self.rtx_index += 1;
        let look = Look { blank: true, ..Look::of(like) };
        let header = self.header(room, like, look, payload_type, rtx_index as u16, ssrc);
        let end = header + usize::from(padding);
        room[0] |= 0x20;
        room[1] = payload_type;
        room[header..end].fill(0);
        room[end - 1] = padding;
        if let Some(numbered) = &self.numbered {
            numbered.number(room, end, way);
        }
        sender.seal_rtp(room, header, end, ssrc, rtx_index)
    }

    /// Whether a packet of the source is among those that were sent since the last move, or would have been.
    pub fn has_sent(&self, packet: &Packet) -> bool {
        packet.track == self.track
            && self.position == Position::Live
            && self.placed(packet).is_some_and(|(index, look)| index <= self.highest_index && !look.blank)
    }

    /// Index and look of a packet of the source that has its place already.
    fn placed(&self, packet: &Packet) -> Option<(u64, Look)> {
        match &self.thinning {
            Some(thinning) if packet.seq >= thinning.first_source() => thinning.placed(packet),
            _ => Some((packet.seq.checked_sub(self.base?)? + self.first_index, Look::of(packet))),
        }
    }

    /// Which packet of the source has gone out under a sequence number.
    pub fn source_of(&self, sequence: u16) -> Progress {
        // What is held back is too much already.
        let asked = (self.nack || self.rtx.is_some()) && self.position != Position::Held;
        if !asked {
            return Progress::Unknown;
        }
        let behind = u64::from((self.highest_index as u16).wrapping_sub(sequence));
        match self.highest_index.checked_sub(behind).and_then(|index| self.source_at(index)) {
            Some(source) => Progress::Sent(source),
            None => Progress::Unknown,
        }
    }

    /// The source's sequence number of what was sent under an index.
    fn source_at(&self, index: u64) -> Option<u64> {
        match &self.thinning {
            Some(thinning) if index >= thinning.first_index() => thinning.source_of(index),
            _ => Some(self.base? + index.checked_sub(self.first_index)?),
        }
    }

    #[inline]
    fn header(
        &self,
        room: &mut [u8],
        packet: &Packet,
        look: Look,
        payload_type: u8,
        sequence: u16,
        ssrc: u32,
    ) -> usize {
        let source = match self.head {
            Some((frame, timestamp)) if packet.frame < frame => {
                timestamp.saturating_sub(u64::from(frame - packet.frame) * CATCH_UP_TICKS)
            }
            _ => packet.timestamp,
        };
        room[0] = 0x80;
        room[1] = u8::from(look.marker) << 7 | payload_type;
        room[2..4].copy_from_slice(&sequence.to_be_bytes());
        room[4..8].copy_from_slice(&self.timestamp(source).to_be_bytes());
        room[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let mut end = EXTENSIONS;
        let descriptor = self.extensions.dependencies.zip(packet.descriptor.as_deref()).filter(|_| !look.blank);
        let descriptor = descriptor.filter(|(_, value)| (1..=255).contains(&value.len()));
        let two_byte = self.two_byte || descriptor.is_some_and(|(_, value)| value.len() > MAX_ONE_BYTE);
        let fixed = &self.fixed_extensions[usize::from(two_byte)];
        room[end..end + fixed.len()].copy_from_slice(fixed);
        end += fixed.len();
        if let Some((id, level)) = self.extensions.audio_level.zip(packet.audio_level) {
            end += write_element(&mut room[end..], two_byte, id, &[level]);
        }
        if let Some(id) = self.extensions.abs_capture_time.filter(|_| packet.capture.0 != 0) {
            end += write_element(&mut room[end..], two_byte, id, &packet.capture.0.to_be_bytes());
        }
        if let Some((id, value)) = descriptor {
            end += write_element(&mut room[end..], two_byte, id, value);
        }
        if end == EXTENSIONS {
            return 12;
        }
        let padded = end.next_multiple_of(4);
        room[end..padded].fill(0);
        room[0] |= 0x10;
        room[12..14].copy_from_slice(if two_byte { &[0x10, 0x00] } else { &[0xbe, 0xde] });
        room[14..16].copy_from_slice(&(((padded - EXTENSIONS) / 4) as u16).to_be_bytes());
        padded
    }
}

/// Where the elements of the header extension begin.
const EXTENSIONS: usize = 16;

/// The longest value of an extension in the one-byte form (RFC 8285, 4.2).
const MAX_ONE_BYTE: usize = 16;

/// Bytes of padding of a packet that has nothing else.
const BLANK: u8 = 1;

/// The longest mid that the header carries; a longer one is left to the SSRC.
const MAX_MID: usize = 16;

/// Writes one header extension element (RFC 8285, 4.2 and 4.3) and returns its length.
fn write_element(room: &mut [u8], two_byte: bool, id: u8, value: &[u8]) -> usize {
    let head = if two_byte {
        room[..2].copy_from_slice(&[id, value.len() as u8]);
        2
    } else {
        room[0] = id << 4 | (value.len() - 1) as u8;
        1
    };
    room[head..head + value.len()].copy_from_slice(value);
    head + value.len()
}

#[cfg(test)]
pub(super) mod tests;
