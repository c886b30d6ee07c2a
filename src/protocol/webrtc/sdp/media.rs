//! One m-line of an offer, read and checked.

use super::OfferError;
use super::codec::{self, OfferedCodec};
use super::grammar::{Attribute, Section, is_token, line_error};
use super::simulcast::OfferedSimulcast;
use super::transport::OfferedTransport;
use crate::media::MediaKind;
use crate::protocol::webrtc::{Direction, ExtensionIds};

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const ABS_CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
const DEPENDENCIES: &str = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
const KNOWN: [&str; 7] = [MID, TRANSPORT_CC, ABS_CAPTURE_TIME, AUDIO_LEVEL, RID, REPAIRED_RID, DEPENDENCIES];
/// Layers of `a=ssrc-group:SIM` that are read; browsers have 3.
const MAX_GROUPED: usize = 8;

/// What the offerer wants to do on an m-line (RFC 8866, 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfferedDirection {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// One m-line of an offer.
#[derive(Clone, Debug)]
pub(super) struct OfferedMedia {
    /// The media name: `audio`, `video`, `application`, ...
    pub name: String,
    /// None for what is neither audio nor video.
    pub kind: Option<MediaKind>,
    pub protocol: String,
    /// The first format, which a rejected m-line repeats.
    pub first_format: String,
    pub mid: Option<String>,
    /// Port 0 without `a=bundle-only`: the offerer itself does not use it.
    pub disabled: bool,
    pub direction: OfferedDirection,
    pub rtcp_mux: bool,
    pub rtcp_rsize: bool,
    pub allow_mixed: bool,
    pub transport: OfferedTransport,
    pub codecs: Vec<OfferedCodec>,
    /// The names of all encodings offered, known or not.
    pub encodings: Vec<String>,
    pub extensions: Vec<OfferedExtension>,
    /// The first stream's SSRC and that of its retransmissions; none where rids name the streams.
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
    /// The layers that rids name.
    pub simulcast: OfferedSimulcast,
    /// SSRC and retransmissions' SSRC of the layers that `a=ssrc-group:SIM` names, where there are no rids.
    pub grouped: Vec<(u32, Option<u32>)>,
}

/// An `a=extmap` (RFC 8285, 5) that we know.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfferedExtension {
    pub id: u8,
    pub uri: &'static str,
    pub direction: OfferedDirection,
}

impl OfferedMedia {
    /// Reads an m-line; `session` is the session's transport and direction, which hold where the m-line has none.
    pub fn read(
        section: &Section<'_>,
        session: &OfferedTransport,
        direction: OfferedDirection,
    ) -> Result<OfferedMedia, OfferError> {
        let malformed = || {
            line_error(
                section.line,
                &format!("m={}", section.media),
                "is not of the form `m=media port protocol formats`",
            )
        };
        let mut words = section.media.splitn(4, [' ', '\t']);
        let (Some(name), Some(port), Some(protocol), Some(formats)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed());
        };
        let port = port.split('/').next().unwrap_or_default().parse::<u16>().map_err(|_| malformed())?;
        let first_format = formats.split_ascii_whitespace().next().unwrap_or_default();
        if !is_token(name) || !is_token(first_format) || !protocol.split('/').all(is_token) || protocol.len() > 64 {
            return Err(malformed());
        }
        let kind = match name {
            "audio" => Some(MediaKind::Audio),
            "video" => Some(MediaKind::Video),
            _ => None,
        };
        let attributes = &section.attributes;
        let has = |name| attributes.iter().any(|attribute| attribute.name == name);
        let formats = kind.map(|kind| codec::read(kind, formats, attributes)).unwrap_or_default();
        let (ssrc, rtx_ssrc) = if has("rid") { (None, None) } else { ssrcs(attributes) };
        let grouped = if has("rid") { Vec::new() } else { grouped(attributes) };
        Ok(OfferedMedia {
            name: name.to_owned(),
            kind,
            protocol: protocol.to_owned(),
            first_format: first_format.to_owned(),
            mid: mid(attributes)?,
            disabled: port == 0 && !has("bundle-only"),
            direction: attributes.iter().find_map(OfferedDirection::read).unwrap_or(direction),
            rtcp_mux: has("rtcp-mux") || has("rtcp-mux-only"),
            rtcp_rsize: has("rtcp-rsize"),
            allow_mixed: has("extmap-allow-mixed"),
            transport: OfferedTransport::read(attributes)?.or_session(session),
            codecs: formats.codecs,
            encodings: formats.names,
            extensions: extensions(attributes),
            ssrc,
            rtx_ssrc,
            simulcast: OfferedSimulcast::read(attributes),
            grouped,
        })
    }

    /// The ids of the extensions that we use in this direction. Those of renditions are the publishers' alone: viewers get one.
    pub fn extension_ids(&self, direction: Direction) -> ExtensionIds {
        let id = |uri: &str| {
            let usable = |extension: &&OfferedExtension| match direction {
                Direction::Ingest => extension.direction.sends(),
                Direction::Egress => extension.direction.receives(),
            };
            self.extensions.iter().filter(usable).find(|extension| extension.uri == uri).map(|extension| extension.id)
        };
        ExtensionIds {
            mid: id(MID),
            transport_cc: id(TRANSPORT_CC),
            abs_capture_time: id(ABS_CAPTURE_TIME),
            audio_level: id(AUDIO_LEVEL).filter(|_| self.kind == Some(MediaKind::Audio)),
            rid: id(RID).filter(|_| direction == Direction::Ingest),
            repaired_rid: id(REPAIRED_RID).filter(|_| direction == Direction::Ingest),
            dependencies: id(DEPENDENCIES),
        }
    }

    /// Its mid, or its index in the offer where it has none.
    pub fn tag(&self, index: usize) -> String {
        self.mid.clone().unwrap_or_else(|| index.to_string())
    }

    /// What it offers, for an error message.
    pub fn offered(&self) -> String {
        if self.encodings.is_empty() { "no codec".to_owned() } else { self.encodings.join(", ") }
    }
}

impl OfferedDirection {
    /// Of an attribute, if it is one of the four.
    pub fn read(attribute: &Attribute<'_>) -> Option<OfferedDirection> {
        OfferedDirection::from_name(attribute.name)
    }

    pub fn sends(self) -> bool {
        matches!(self, OfferedDirection::SendRecv | OfferedDirection::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, OfferedDirection::SendRecv | OfferedDirection::RecvOnly)
    }

    fn from_name(name: &str) -> Option<OfferedDirection> {
        match name {
            "sendrecv" => Some(OfferedDirection::SendRecv),
            "sendonly" => Some(OfferedDirection::SendOnly),
            "recvonly" => Some(OfferedDirection::RecvOnly),
            "inactive" => Some(OfferedDirection::Inactive),
            _ => None,
        }
    }
}

/// The `a=extmap` lines of an answer, without `a=`.
pub(super) fn extmaps(ids: &ExtensionIds) -> impl Iterator<Item = String> {
    let list = [
        (ids.mid, MID),
        (ids.transport_cc, TRANSPORT_CC),
        (ids.abs_capture_time, ABS_CAPTURE_TIME),
        (ids.audio_level, AUDIO_LEVEL),
        (ids.rid, RID),
        (ids.repaired_rid, REPAIRED_RID),
        (ids.dependencies, DEPENDENCIES),
    ];
    list.into_iter().filter_map(|(id, uri)| Some(format!("extmap:{} {uri}", id?)))
}

fn mid(attributes: &[Attribute<'_>]) -> Result<Option<String>, OfferError> {
    let Some(attribute) = attributes.iter().find(|attribute| attribute.name == "mid") else { return Ok(None) };
    // Longer ones would not leave room for media in a packet: the mid travels in a header extension.
    if !is_token(attribute.value) || attribute.value.len() > 64 {
        return Err(attribute.error("is no identification tag of 1 to 64 token characters"));
    }
    Ok(Some(attribute.value.to_owned()))
}

fn extensions(attributes: &[Attribute<'_>]) -> Vec<OfferedExtension> {
    let mut list: Vec<OfferedExtension> = Vec::new();
    let mut used = [false; 256];
    for attribute in attributes.iter().filter(|attribute| attribute.name == "extmap") {
        let mut words = attribute.value.split_ascii_whitespace();
        let (Some(id), Some(uri)) = (words.next(), words.next()) else { continue };
        let (id, direction) = match id.split_once('/') {
            Some((id, direction)) => (id, OfferedDirection::from_name(direction)),
            None => (id, Some(OfferedDirection::SendRecv)),
        };
        // 0 is padding and 15 ends the one-byte form (RFC 8285, 4.2).
        let Some(id) = id.parse::<u8>().ok().filter(|id| *id != 0 && *id != 15) else { continue };
        if std::mem::replace(&mut used[usize::from(id)], true) {
            continue;
        }
        let known = KNOWN.into_iter().find(|known| *known == uri);
        if let (Some(uri), Some(direction)) = (known, direction) {
            list.push(OfferedExtension { id, uri, direction });
        }
    }
    list
}

/// The SSRC of the first stream and of its retransmissions, from `a=ssrc` and `a=ssrc-group` (RFC 5576).
fn ssrcs(attributes: &[Attribute<'_>]) -> (Option<u32>, Option<u32>) {
    let first = groups(attributes, "SIM").chain(groups(attributes, "FID")).find_map(first_two);
    let first = first.map(|(first, _)| first).or_else(|| {
        let attribute = attributes.iter().find(|attribute| attribute.name == "ssrc")?;
        attribute.value.split_ascii_whitespace().next()?.parse().ok()
    });
    (first, first.and_then(|first| retransmissions(attributes, first)))
}

/// The layers of `a=ssrc-group:SIM`, lowest first: how simulcast was offered before there were rids.
fn grouped(attributes: &[Attribute<'_>]) -> Vec<(u32, Option<u32>)> {
    let mut layers: Vec<(u32, Option<u32>)> = Vec::new();
    let list = groups(attributes, "SIM").next().unwrap_or_default();
    for ssrc in list.split_ascii_whitespace().take(MAX_GROUPED).filter_map(|word| word.parse().ok()) {
        if !layers.iter().any(|(known, _)| *known == ssrc) {
            layers.push((ssrc, retransmissions(attributes, ssrc)));
        }
    }
    layers
}

fn retransmissions(attributes: &[Attribute<'_>], ssrc: u32) -> Option<u32> {
    groups(attributes, "FID").filter_map(first_two).find(|(media, _)| *media == ssrc).map(|(_, rtx)| rtx)
}

/// The SSRC lists of the groups with these semantics.
fn groups<'a>(attributes: &'a [Attribute<'_>], semantics: &'a str) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(|attribute| attribute.name == "ssrc-group").filter_map(move |attribute| {
        let (word, list) = attribute.value.split_once([' ', '\t'])?;
        (word == semantics).then_some(list)
    })
}

fn first_two(list: &str) -> Option<(u32, u32)> {
    let mut words = list.split_ascii_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
