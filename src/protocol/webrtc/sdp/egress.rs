//! Answers a viewer's offer (WHEP, draft-ietf-wish-whep).

use super::answer::{Plan, Served, settle};
use super::codec::OfferedCodec;
use super::compatibility::{agreed_parameters, rank};
use super::media::OfferedMedia;
use super::{Offer, OfferError};
use crate::media::{Codec, MediaKind, TrackInfo};
use crate::protocol::webrtc::{Direction, Feedback, LocalTransport, MediaParams, Negotiated};

/// What differs between sessions of viewers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EgressPolicy {
    /// Negotiate transport-wide congestion control, only where an estimator runs. M-lines without retransmissions by RTX
    /// stay without it: there a lost packet is sent again byte for byte, and its transport-wide number would differ.
    pub transport_cc: bool,
    /// Negotiate the dependency descriptor: decoders need it to put the spatial layers of an AV1 picture together.
    pub dependencies: bool,
    /// A random number from which the session's SSRCs are derived; they differ among each other and are never 0.
    pub ssrc_seed: u32,
}

/// Answers a viewer with the stream's tracks: each of its m-lines gets the first track of its kind that is left and
/// that it can take. An m-line of a kind that the stream has not is answered `a=inactive`, so that the bundle stays
/// whole in every browser; one whose codecs do not fit refuses the offer.
pub fn answer_egress(
    offer: &Offer,
    tracks: &[TrackInfo],
    local: &LocalTransport,
    policy: &EgressPolicy,
) -> Result<Negotiated, OfferError> {
    let mut plans = Vec::with_capacity(offer.media.len());
    let mut left: Vec<u8> = (0..=u8::MAX).take(tracks.len()).collect();
    let mut misfits: Vec<(usize, MediaKind)> = Vec::new();
    let mut asked: Vec<&'static str> = Vec::new();
    let mut served = 0;
    for (index, media) in offer.media.iter().enumerate() {
        let Some(kind) = media.kind.filter(|_| !media.disabled) else {
            plans.push(Plan::Rejected);
            continue;
        };
        if !media.direction.receives() {
            plans.push(Plan::Inactive);
            continue;
        }
        asked.push(kind_name(kind));
        let of_kind = |track: &u8| tracks[usize::from(*track)].kind() == kind;
        let fit = left.iter().copied().filter(of_kind).find_map(|track| {
            let codec = best(media, &tracks[usize::from(track)])?;
            Some((track, codec))
        });
        let Some((track_index, codec)) = fit else {
            misfits.push((index, kind));
            plans.push(Plan::Inactive);
            continue;
        };
        left.retain(|track| *track != track_index);
        let track = &tracks[usize::from(track_index)];
        let mixed = offer.allow_mixed || media.allow_mixed;
        let dealt = Dealt { track, track_index, nth: served, mid: media.tag(index), mixed };
        let params = dealt.params(media, codec, policy);
        plans.push(Plan::Served(Box::new(Served { params, codec, fmtp: fmtp(codec, track), layers: Vec::new() })));
        served += 1;
    }
    // An m-line without a track, while a track of its kind is left: the codecs do not fit.
    for (index, kind) in misfits {
        let stream: Vec<String> = left
            .iter()
            .map(|track| &tracks[usize::from(*track)])
            .filter(|track| track.kind() == kind)
            .map(describe)
            .collect();
        if !stream.is_empty() {
            let media = &offer.media[index];
            let (mid, offered) = (media.tag(index), media.offered());
            return Err(OfferError::NoCommonCodec { mid, kind, offered, stream: stream.join(", ") });
        }
    }
    if served == 0 {
        if asked.is_empty() {
            return Err(OfferError::NothingToView);
        }
        asked.dedup();
        let stream: Vec<String> = tracks.iter().map(describe).collect();
        let stream = if stream.is_empty() { "no tracks".to_owned() } else { format!("only {}", stream.join(", ")) };
        return Err(OfferError::NoSuchMedia { asked: asked.join(" and "), stream });
    }
    settle(offer, plans, local, Direction::Egress, false)
}

/// The payload type that takes the track best; of equals the one that the viewer prefers.
fn best<'a>(media: &'a OfferedMedia, track: &TrackInfo) -> Option<&'a OfferedCodec> {
    media
        .codecs
        .iter()
        .filter_map(|codec| Some((rank(codec, track)?, codec)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, codec)| codec)
}

/// Which track an m-line carries.
struct Dealt<'a> {
    track: &'a TrackInfo,
    track_index: u8,
    /// Counts the m-lines that carry media.
    nth: u32,
    mid: String,
    /// Both forms of header extensions may be in use at once.
    mixed: bool,
}

impl Dealt<'_> {
    fn params(self, media: &OfferedMedia, codec: &OfferedCodec, policy: &EgressPolicy) -> MediaParams {
        let mut extensions = media.extension_ids(Direction::Egress);
        let rtx_payload_type = codec.rtx.filter(|_| codec.feedback.nack);
        let transport_cc = policy.transport_cc
            && rtx_payload_type.is_some()
            && codec.feedback.transport_cc
            && extensions.transport_cc.is_some();
        if !transport_cc {
            extensions.transport_cc = None;
        }
        // It is longer than the one-byte form allows where it brings a structure.
        if !policy.dependencies || codec.codec != Codec::Av1 || !self.mixed {
            extensions.dependencies = None;
        }
        // 16 m-lines with two streams each stay below the top, so that no two are equal and none is 0.
        let ssrc = policy.ssrc_seed % (u32::MAX - 64) + 1 + 2 * self.nth;
        MediaParams {
            track: self.track.clone(),
            track_index: self.track_index,
            mid: self.mid,
            payload_type: codec.payload_type,
            rtx_payload_type,
            ssrc: Some(ssrc),
            rtx_ssrc: rtx_payload_type.map(|_| ssrc + 1),
            extensions,
            // Nobody needs what it says: but browsers send it several times a second, also when nothing comes any more. So it shows
            // within 0.2 s where one is whose NAT has given it another address. Reports come once a second, checks each 2.5 s.
            feedback: Feedback { transport_cc, remb: codec.feedback.remb && !transport_cc, ..codec.feedback },
            rids: Vec::new(),
            layer_ssrcs: Vec::new(),
        }
    }
}

/// Our `a=fmtp`: the viewer's own format, and for Opus what the stream has.
fn fmtp(codec: &OfferedCodec, track: &TrackInfo) -> String {
    let mut list: Vec<String> = agreed_parameters(codec.codec)
        .iter()
        .filter_map(|name| Some(format!("{name}={}", codec.parameter(name)?)))
        .collect();
    if codec.codec == Codec::Opus {
        if let Some(value) = codec.parameter("minptime").filter(|value| value.parse::<u8>().is_ok()) {
            list.push(format!("minptime={value}"));
        }
        if track.channels != 1 && track.parameter("stereo") != Some("0") {
            list.push("stereo=1;sprop-stereo=1".to_owned());
        }
        if track.parameter("useinbandfec") != Some("0") {
            list.push("useinbandfec=1".to_owned());
        }
        if track.parameter("usedtx") == Some("1") {
            list.push("usedtx=1".to_owned());
        }
    }
    list.join(";")
}

/// A track in an error message: the codec, and what of its format a viewer must match.
fn describe(track: &TrackInfo) -> String {
    let format: Vec<String> = agreed_parameters(track.codec)
        .iter()
        .filter(|name| !matches!(**name, "level-asymmetry-allowed" | "level-idx" | "level-id" | "interop-constraints"))
        .filter_map(|name| Some(format!("{name}={}", super::error::excerpt(track.parameter(name)?))))
        .collect();
    let name = track.codec.sdp_name();
    if format.is_empty() { name.to_owned() } else { format!("{name} ({})", format.join(";")) }
}

fn kind_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}
