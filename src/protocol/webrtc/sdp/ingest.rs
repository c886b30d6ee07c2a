//! Answers a publisher's offer (WHIP, RFC 9725).

use super::answer::{Plan, Served, settle};
use super::codec::OfferedCodec;
use super::compatibility::{agreed_parameters, reach};
use super::media::OfferedMedia;
use super::{Offer, OfferError, parameter_sets};
use crate::media::{Codec, MediaKind, TrackInfo};
use crate::protocol::webrtc::{Direction, Feedback, LocalTransport, MediaParams, Negotiated};

/// Longer format parameters are not kept with the track; real ones have up to 40 bytes.
const MAX_KEPT_BYTES: usize = 256;
/// Browsers send 3 layers, and each costs a stream's ring.
const MAX_LAYERS: usize = 4;

/// What a publisher may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestPolicy {
    /// Video codecs, best first. Default: h264, av1, vp9, vp8, h265.
    pub video: Vec<Codec>,
    /// Audio codecs, best first. Default: opus, pcmu, pcma.
    pub audio: Vec<Codec>,
    /// Accept `a=setup:passive` (FFmpeg's muxer offers it): we then open the DTLS handshake. Default: false, which
    /// refuses.
    pub dtls_client: bool,
    /// Simulcast layers of a video track that are received, at most 4. 1: simulcast is not answered, and the publisher sends
    /// one layer. Default: 4.
    pub layers: usize,
}

impl Default for IngestPolicy {
    fn default() -> Self {
        IngestPolicy {
            video: vec![Codec::H264, Codec::Av1, Codec::Vp9, Codec::Vp8, Codec::H265],
            audio: vec![Codec::Opus, Codec::Pcmu, Codec::Pcma],
            dtls_client: false,
            layers: MAX_LAYERS,
        }
    }
}

impl IngestPolicy {
    /// What a server accepts: codecs from one list, best first; a kind of which the list names none keeps its default.
    pub fn from_codecs(codecs: &[Codec]) -> IngestPolicy {
        let of = |kind, default| {
            let named: Vec<Codec> = codecs.iter().copied().filter(|codec| codec.kind() == kind).collect();
            if named.is_empty() { default } else { named }
        };
        let default = IngestPolicy::default();
        IngestPolicy {
            video: of(MediaKind::Video, default.video),
            audio: of(MediaKind::Audio, default.audio),
            dtls_client: true,
            layers: default.layers,
        }
    }
}

/// Answers a publisher with one codec for each m-line: at most one audio and one video, all or nothing. Data channels
/// are rejected with port 0. Simulcast is answered where the layers can be told apart: by the header extension of rids, or
/// by `a=ssrc-group:SIM`.
pub fn answer_ingest(offer: &Offer, policy: &IngestPolicy, local: &LocalTransport) -> Result<Negotiated, OfferError> {
    let mut plans = Vec::with_capacity(offer.media.len());
    let mut kinds = Vec::new();
    for (index, media) in offer.media.iter().enumerate() {
        if media.disabled || media.name == "application" {
            plans.push(Plan::Rejected);
            continue;
        }
        let mid = || media.tag(index);
        let Some(kind) = media.kind else {
            return Err(OfferError::UnknownMedia { mid: mid(), media: super::error::excerpt(&media.name) });
        };
        if !media.direction.sends() {
            if media.direction.receives() {
                return Err(OfferError::ReceivesOnly { mid: mid() });
            }
            plans.push(Plan::Inactive);
            continue;
        }
        if kinds.contains(&kind) {
            return Err(OfferError::TooManyTracks(kind));
        }
        let accepted = match kind {
            MediaKind::Audio => &policy.audio,
            MediaKind::Video => &policy.video,
        };
        let Some(codec) = choose(&media.codecs, accepted) else {
            let accepted: Vec<&str> = accepted.iter().map(|codec| codec.sdp_name()).collect();
            return Err(OfferError::NoIngestCodec {
                mid: mid(),
                kind,
                offered: media.offered(),
                accepted: accepted.join(", "),
            });
        };
        plans.push(Plan::Served(Box::new(serve(media, codec, kinds.len() as u8, mid(), policy.layers))));
        kinds.push(kind);
    }
    if kinds.is_empty() {
        return Err(OfferError::NothingToIngest);
    }
    check_payload_types(&plans)?;
    settle(offer, plans, local, Direction::Ingest, policy.dtls_client)
}

/// The format to receive: by the policy's order of codecs, then by its reach, then by the offer's order.
fn choose<'a>(codecs: &'a [OfferedCodec], accepted: &[Codec]) -> Option<&'a OfferedCodec> {
    accepted.iter().find_map(|wanted| {
        codecs.iter().filter(|offered| offered.codec == *wanted).min_by_key(|offered| reach(offered))
    })
}

fn serve<'a>(
    media: &'a OfferedMedia,
    codec: &'a OfferedCodec,
    track_index: u8,
    mid: String,
    layers: usize,
) -> Served<'a> {
    let mut extensions = media.extension_ids(Direction::Ingest);
    // Numbers without reports are of no use, and reports without numbers cannot be made.
    let transport_cc = codec.feedback.transport_cc && extensions.transport_cc.is_some();
    if !transport_cc {
        extensions.transport_cc = None;
    }
    let rtx_payload_type = codec.rtx.filter(|_| codec.feedback.nack);
    let most = if codec.codec.kind() == MediaKind::Video { layers.min(MAX_LAYERS) } else { 1 };
    let layers = media.simulcast.accept(codec.payload_type, if extensions.rid.is_some() { most } else { 1 });
    let mut rids: Vec<String> = layers.iter().map(|layer| layer.rid.clone()).collect();
    let mut layer_ssrcs = Vec::new();
    if rids.is_empty() {
        (extensions.rid, extensions.repaired_rid) = (None, None);
        if most > 1 && media.grouped.len() > 1 {
            layer_ssrcs = media.grouped.iter().take(most).copied().collect();
            rids = (0..layer_ssrcs.len()).map(|layer| layer.to_string()).collect();
        }
    }
    if rtx_payload_type.is_none() {
        extensions.repaired_rid = None;
        layer_ssrcs.iter_mut().for_each(|(_, rtx)| *rtx = None);
    }
    // The other codecs tell their layers in the payload.
    if codec.codec != Codec::Av1 {
        extensions.dependencies = None;
    }
    let (track, fmtp) = track(codec);
    let params = MediaParams {
        track,
        track_index,
        mid,
        payload_type: codec.payload_type,
        rtx_payload_type,
        ssrc: media.ssrc,
        rtx_ssrc: media.rtx_ssrc.filter(|_| rtx_payload_type.is_some()),
        extensions,
        feedback: Feedback { transport_cc, ..codec.feedback },
        rids,
        layer_ssrcs,
    };
    Served { params, codec, fmtp, layers }
}

/// The track that the publisher will send, and our `a=fmtp`.
fn track(codec: &OfferedCodec) -> (TrackInfo, String) {
    let mut track = TrackInfo::new(codec.codec);
    track.parameter_sets = parameter_sets::read(&codec.fmtp);
    let kept = |name: &str, value: &str| !parameter_sets::is_sprop(name) && name.len() + value.len() <= MAX_KEPT_BYTES;
    track.fmtp = codec.fmtp.iter().filter(|(name, value)| kept(name, value)).cloned().collect();
    let mut answer: Vec<String> = agreed_parameters(codec.codec)
        .iter()
        .filter_map(|name| Some(format!("{name}={}", codec.parameter(name)?)))
        .collect();
    if codec.codec == Codec::Opus {
        answer = opus(codec, &mut track);
    }
    (track, answer.join(";"))
}

/// Asks for stereo and in-band FEC, and for DTX where it is offered: browsers send by the answer (RFC 7587, 6.1).
fn opus(codec: &OfferedCodec, track: &mut TrackInfo) -> Vec<String> {
    let mut answer = Vec::new();
    let mut agree = |name: &str, value: &str| {
        answer.push(format!("{name}={value}"));
        match track.fmtp.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => value.clone_into(known),
            None => track.fmtp.push((name.to_owned(), value.to_owned())),
        }
    };
    if let Some(value) = codec.parameter("minptime").filter(|value| value.parse::<u8>().is_ok()) {
        agree("minptime", value);
    }
    let mono = codec.parameter("stereo") == Some("0") || codec.parameter("sprop-stereo") == Some("0");
    if !mono {
        agree("stereo", "1");
    }
    if codec.parameter("useinbandfec") != Some("0") {
        agree("useinbandfec", "1");
    }
    if codec.parameter("usedtx") == Some("1") {
        agree("usedtx", "1");
    }
    track.channels = if mono { 1 } else { 2 };
    answer
}

/// Packets must tell their m-line by SSRC, mid or payload type (RFC 9143, 9.2).
fn check_payload_types(plans: &[Plan<'_>]) -> Result<(), OfferError> {
    let served: Vec<&MediaParams> = plans
        .iter()
        .filter_map(|plan| match plan {
            Plan::Served(served) => Some(&served.params),
            _ => None,
        })
        .collect();
    let told = |params: &MediaParams| params.ssrc.is_some() || params.extensions.mid.is_some();
    for (index, params) in served.iter().enumerate() {
        let pts = |params: &MediaParams| [Some(params.payload_type), params.rtx_payload_type];
        let clash = |other: &&MediaParams| {
            (!told(params) || !told(other)) && pts(params).iter().flatten().any(|pt| pts(other).contains(&Some(*pt)))
        };
        if served[..index].iter().any(clash) {
            return Err(OfferError::AmbiguousPayloadType(params.payload_type));
        }
    }
    Ok(())
}
