//! Which track of a publisher a packet belongs to: by SSRC, once rid, mid or payload type have told whose it is.

use super::track::Track;
use crate::protocol::webrtc::MediaParams;
use crate::protocol::webrtc::rtp::Header;

/// Sources of one session: its tracks and layers (4 at most), their retransmissions, and a few that changed their SSRC.
const MAX_SOURCES: usize = 24;

/// One SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub ssrc: u32,
    /// Index of the track.
    pub track: usize,
    /// Whether it carries retransmissions (RFC 4588).
    pub rtx: bool,
}

/// The SSRCs of a publisher.
#[derive(Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Those that the offer named.
    pub fn new(tracks: &[Track]) -> Sources {
        let of = |(track, entry): (usize, &Track)| {
            let offered = entry.offered_ssrcs().into_iter();
            offered.map(move |(ssrc, rtx)| Source { ssrc, track, rtx }).collect::<Vec<_>>()
        };
        Sources { list: tracks.iter().enumerate().flat_map(of).collect() }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }

    /// SSRCs of media, without those of retransmissions.
    pub fn media_ssrcs(&self) -> Vec<u32> {
        self.list.iter().filter(|source| !source.rtx).map(|source| source.ssrc).collect()
    }

    /// The track of an SSRC that carries media.
    pub fn track_of(&self, ssrc: u32) -> Option<usize> {
        self.list.iter().find(|source| source.ssrc == ssrc && !source.rtx).map(|source| source.track)
    }

    /// The source of a packet, and whether it is new. None: nobody can tell whose it is, or its payload type is not the one
    /// that was agreed.
    pub fn find(&mut self, tracks: &[Track], header: &Header, packet: &[u8]) -> Option<(Source, bool)> {
        if let Some(source) = self.list.iter().find(|source| source.ssrc == header.ssrc) {
            let media = &tracks[source.track].media;
            let expected = if source.rtx { media.rtx_payload_type } else { Some(media.payload_type) };
            return (expected == Some(header.payload_type)).then_some((*source, false));
        }
        if self.list.len() >= MAX_SOURCES {
            return None;
        }
        let extension = |id: Option<u8>| header.extension(packet, id?);
        let is_rtx = |media: &MediaParams| media.rtx_payload_type == Some(header.payload_type);
        let carries = |track: &Track| {
            let media = &track.media;
            let Some(rid) = &track.rid else { return media.payload_type == header.payload_type || is_rtx(media) };
            // A layer tells its name: retransmissions as the one that they repair, or as their own (RFC 8852, 3).
            let named = |id| extension(id) == Some(rid.as_bytes());
            let ids = media.extensions;
            (media.payload_type == header.payload_type && named(ids.rid))
                || (is_rtx(media)
                    && (named(ids.repaired_rid) || (extension(ids.repaired_rid).is_none() && named(ids.rid))))
        };
        let by_mid = |track: &Track| Some(extension(track.media.extensions.mid)? == track.media.mid.as_bytes());
        let track = tracks
            .iter()
            .position(|track| carries(track) && by_mid(track) == Some(true))
            .or_else(|| tracks.iter().position(|track| carries(track) && by_mid(track).is_none()))?;
        let source = Source { ssrc: header.ssrc, track, rtx: is_rtx(&tracks[track].media) };
        self.list.push(source);
        Some((source, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Codec, TrackInfo};
    use crate::protocol::webrtc::{ExtensionIds, Feedback};

    fn tracks(layer_ssrcs: &[(u32, Option<u32>)]) -> Vec<Track> {
        let video = MediaParams {
            track: TrackInfo::new(Codec::Vp8),
            track_index: 0,
            mid: "0".to_owned(),
            payload_type: 96,
            rtx_payload_type: Some(97),
            ssrc: None,
            rtx_ssrc: None,
            extensions: ExtensionIds { mid: Some(1), rid: Some(2), repaired_rid: Some(3), ..ExtensionIds::default() },
            feedback: Feedback::default(),
            rids: ["q", "h", "f"].map(str::to_owned).to_vec(),
            layer_ssrcs: layer_ssrcs.to_vec(),
        };
        let audio = MediaParams {
            track: TrackInfo::new(Codec::Opus),
            track_index: 1,
            mid: "1".to_owned(),
            payload_type: 111,
            rtx_payload_type: None,
            rids: Vec::new(),
            layer_ssrcs: Vec::new(),
            ..video.clone()
        };
        Track::of(&video, false).into_iter().chain(Track::of(&audio, true)).collect()
    }

    fn packet(ssrc: u32, payload_type: u8, extensions: &[(u8, &[u8])]) -> Vec<u8> {
        let mut packet = vec![0x90, payload_type, 0, 1, 0, 0, 0, 1];
        packet.extend_from_slice(&ssrc.to_be_bytes());
        let mut data = Vec::new();
        for (id, value) in extensions {
            data.push(id << 4 | (value.len() - 1) as u8);
            data.extend_from_slice(value);
        }
        data.resize(data.len().next_multiple_of(4), 0);
        packet.extend_from_slice(&[0xbe, 0xde, 0, (data.len() / 4) as u8]);
        packet.extend_from_slice(&data);
        packet
    }

    type Extensions<'a> = &'a [(u8, &'a [u8])];

    #[test]
    fn layers_are_told_by_rid_and_remembered_by_ssrc() {
        let tracks = tracks(&[]);
        let mut sources = Sources::new(&tracks);
        // SSRC, payload type, extensions, and the track and whether it is a retransmission.
        let rows: [(u32, u8, Extensions<'_>, Option<(usize, bool)>); 13] = [
            (10, 96, &[(1, b"0")], None),
            (10, 96, &[(1, b"0"), (2, b"x")], None),
            (10, 96, &[(1, b"0"), (2, b"f")], Some((2, false))),
            (10, 96, &[], Some((2, false))),
            (10, 97, &[], None),
            (11, 96, &[(2, b"q")], Some((0, false))),
            (12, 97, &[(1, b"0")], None),
            (12, 97, &[(1, b"0"), (3, b"q")], Some((0, true))),
            (13, 97, &[(2, b"h")], Some((1, true))),
            (14, 96, &[(1, b"1"), (2, b"h")], None),
            (15, 111, &[(1, b"1")], Some((3, false))),
            (16, 111, &[(2, b"h")], Some((3, false))),
            (12, 97, &[], Some((0, true))),
        ];
        for (ssrc, payload_type, extensions, expected) in rows {
            let packet = packet(ssrc, payload_type, extensions);
            let header = Header::parse(&packet).unwrap();
            let found = sources.find(&tracks, &header, &packet);
            assert_eq!(found.map(|(source, _)| (source.track, source.rtx)), expected, "{ssrc} {payload_type}");
        }
        assert_eq!((sources.track_of(10), sources.track_of(12)), (Some(2), None));
    }

    #[test]
    fn layers_that_the_offer_grouped_need_no_rid() {
        let tracks = tracks(&[(1, Some(2)), (3, Some(4)), (5, None)]);
        let mut sources = Sources::new(&tracks);
        for (ssrc, payload_type, expected) in
            [(1, 96, Some((0, false))), (2, 97, Some((0, true))), (3, 96, Some((1, false))), (5, 96, Some((2, false)))]
        {
            let packet = packet(ssrc, payload_type, &[]);
            let found = sources.find(&tracks, &Header::parse(&packet).unwrap(), &packet);
            assert_eq!(found.map(|(source, _)| (source.track, source.rtx)), expected, "{ssrc}");
        }
    }

    #[test]
    fn a_flood_of_ssrcs_is_bounded() {
        let tracks = tracks(&[]);
        let mut sources = Sources::new(&tracks);
        for ssrc in 0..10_000 {
            let packet = packet(ssrc, 96, &[(2, b"q")]);
            sources.find(&tracks, &Header::parse(&packet).unwrap(), &packet);
        }
        assert_eq!(sources.iter().count(), MAX_SOURCES);
    }
}
