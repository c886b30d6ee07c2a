//! Writes the answer: one section for each m-line of the offer, in its order (RFC 3264, 6).

use super::codec::OfferedCodec;
use super::media::{OfferedMedia, extmaps};
use super::offer::{Agreement, Offer};
use super::simulcast::{self, OfferedLayer};
use super::{CNAME, OfferError};
use crate::protocol::webrtc::{Direction, LocalTransport, MediaParams, Negotiated};
use std::net::SocketAddr;

/// What becomes of one m-line.
#[derive(Debug)]
pub(super) enum Plan<'a> {
    /// Port 0.
    Rejected,
    /// Stays in the bundle, carries nothing.
    Inactive,
    /// Carries media.
    Served(Box<Served<'a>>),
}

/// An m-line that carries media.
#[derive(Debug)]
pub(super) struct Served<'a> {
    pub params: MediaParams,
    pub codec: &'a OfferedCodec,
    /// The value of `a=fmtp`, empty for none.
    pub fmtp: String,
    /// The simulcast layers that we take.
    pub layers: Vec<&'a OfferedLayer>,
}

/// Settles the transport and writes the answer to an offer whose m-lines are planned.
pub(super) fn settle(
    offer: &Offer,
    mut plans: Vec<Plan<'_>>,
    local: &LocalTransport,
    direction: Direction,
    may_connect: bool,
) -> Result<Negotiated, OfferError> {
    let indexes = |wanted: fn(&Plan<'_>) -> bool, plans: &[Plan<'_>]| -> Vec<usize> {
        plans.iter().enumerate().filter(|(_, plan)| wanted(plan)).map(|(index, _)| index).collect()
    };
    let served = indexes(|plan| matches!(plan, Plan::Served(_)), &plans);
    let mut agreement = offer.agree(&served, may_connect)?;
    // Outside of the bundle there is no transport that an idle m-line could keep.
    for (index, plan) in plans.iter_mut().enumerate() {
        let bundled = offer.bundle.contains(&index) && offer.bundle.contains(&agreement.tagged);
        if matches!(plan, Plan::Inactive) && (!bundled || offer.media[index].codecs.is_empty()) {
            *plan = Plan::Rejected;
        }
    }
    // A bundle's transport is told by the first m-line that stays in it, idle or not: browsers read candidates nowhere else
    // (RFC 9143, 7.3.1).
    if offer.bundle.contains(&agreement.tagged)
        && let Some(first) = offer.bundle.iter().find(|index| !matches!(plans[**index], Plan::Rejected))
    {
        agreement.tagged = *first;
    }
    let answer = write(offer, &plans, local, &agreement, direction);
    let media = plans
        .into_iter()
        .filter_map(|plan| match plan {
            Plan::Served(served) => Some(served.params),
            _ => None,
        })
        .collect();
    Ok(Negotiated { answer, remote: agreement.remote, dtls_client: agreement.dtls_client, media })
}

/// Addresses that an answer names, each for UDP and TCP.
const MAX_CANDIDATES: usize = 64;

/// The `a=candidate` lines of our addresses, best first, without `a=` (RFC 8839, 5.1). UDP before TCP (RFC 6544, 4.2).
pub(super) fn candidates(local: &LocalTransport) -> impl Iterator<Item = String> + '_ {
    let addresses = &local.candidates[..local.candidates.len().min(MAX_CANDIDATES)];
    let line = move |index: usize, address: &SocketAddr, tcp: bool| {
        let first = addresses.iter().position(|other| other.ip() == address.ip()).unwrap_or(index) + 1;
        // Type preference 126 for host, component 1 (RFC 8445, 5.1.2.1); below 2^31 as some clients read a signed
        // number. By TCP 90, as browsers have it, and the local preference of a passive host candidate.
        let (foundation, protocol, preference, end) = if tcp {
            (first + addresses.len(), "tcp", (90 << 16) + (4 << 13) + 8_191, " tcptype passive")
        } else {
            (first, "udp", (126 << 16) + 65_535, "")
        };
        let priority = ((preference - index as u32) << 8) + 255;
        let (ip, port) = (address.ip(), address.port());
        format!("candidate:{foundation} 1 {protocol} {priority} {ip} {port} typ host{end}")
    };
    let both = [false, true].into_iter().filter(|tcp| !tcp || local.tcp);
    both.flat_map(move |tcp| addresses.iter().enumerate().map(move |(index, address)| line(index, address, tcp)))
}

fn write(
    offer: &Offer,
    plans: &[Plan<'_>],
    local: &LocalTransport,
    agreement: &Agreement,
    direction: Direction,
) -> String {
    let mut sdp = Lines(String::with_capacity(2048));
    sdp.line("v=0");
    // Above 2^63 some parsers fail (RFC 9429, 5.2.1).
    sdp.line(&format!("o=- {} 1 IN IP4 0.0.0.0", local.session_id & (u64::MAX >> 1)));
    sdp.line("s=-");
    sdp.line("t=0 0");
    sdp.attribute("ice-lite");
    let kept: Vec<&str> = offer
        .bundle
        .iter()
        .filter(|index| !matches!(plans[**index], Plan::Rejected))
        .filter_map(|index| offer.media[*index].mid.as_deref())
        .collect();
    if !kept.is_empty() {
        sdp.attribute(&format!("group:BUNDLE {}", kept.join(" ")));
    }
    if offer.allow_mixed {
        sdp.attribute("extmap-allow-mixed");
    }
    if direction == Direction::Egress {
        sdp.attribute(&format!("msid-semantic: WMS {CNAME}"));
    }
    for (index, (media, plan)) in offer.media.iter().zip(plans).enumerate() {
        match plan {
            Plan::Rejected => {
                sdp.line(&format!("m={} 0 {} {}", media.name, media.protocol, media.first_format));
                sdp.line("c=IN IP4 0.0.0.0");
                sdp.mid(media);
                sdp.attribute("inactive");
            }
            Plan::Inactive => {
                let Some(codec) = media.codecs.first() else { continue };
                sdp.line(&format!("m={} 9 {} {}", media.name, media.protocol, codec.payload_type));
                sdp.transport(media, local, agreement, index);
                sdp.attribute("inactive");
                sdp.attribute("rtcp-mux");
                sdp.attribute(&format!("rtpmap:{} {}", codec.payload_type, codec.rtpmap));
            }
            Plan::Served(served) => sdp.served(media, served, local, agreement, index, direction),
        }
    }
    sdp.0
}

struct Lines(String);

impl Lines {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push_str("\r\n");
    }

    fn attribute(&mut self, attribute: &str) {
        self.0.push_str("a=");
        self.line(attribute);
    }

    fn mid(&mut self, media: &OfferedMedia) {
        if let Some(mid) = &media.mid {
            self.attribute(&format!("mid:{mid}"));
        }
    }

    /// Connection line, ICE and DTLS; the candidates only on the m-line that carries the bundle's transport.
    fn transport(&mut self, media: &OfferedMedia, local: &LocalTransport, agreement: &Agreement, index: usize) {
        self.line("c=IN IP4 0.0.0.0");
        self.mid(media);
        self.attribute(&format!("ice-ufrag:{}", local.ufrag));
        self.attribute(&format!("ice-pwd:{}", local.pwd));
        let digest: Vec<String> = local.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        self.attribute(&format!("fingerprint:sha-256 {}", digest.join(":")));
        self.attribute(if agreement.dtls_client { "setup:active" } else { "setup:passive" });
        if index == agreement.tagged {
            for candidate in candidates(local) {
                self.attribute(&candidate);
            }
            self.attribute("end-of-candidates");
        }
    }

    fn served(
        &mut self,
        media: &OfferedMedia,
        served: &Served<'_>,
        local: &LocalTransport,
        agreement: &Agreement,
        index: usize,
        direction: Direction,
    ) {
        let Served { params, codec, fmtp, layers } = served;
        let pt = params.payload_type;
        let rtx = params.rtx_payload_type;
        let formats = rtx.map_or_else(|| pt.to_string(), |rtx| format!("{pt} {rtx}"));
        self.line(&format!("m={} 9 {} {formats}", media.name, media.protocol));
        self.transport(media, local, agreement, index);
        for extmap in extmaps(&params.extensions) {
            self.attribute(&extmap);
        }
        if media.allow_mixed {
            self.attribute("extmap-allow-mixed");
        }
        match direction {
            Direction::Ingest => self.attribute("recvonly"),
            Direction::Egress => {
                self.attribute("sendonly");
                self.attribute(&format!("msid:{CNAME} {}", media.name));
            }
        }
        self.attribute("rtcp-mux");
        if media.rtcp_rsize {
            self.attribute("rtcp-rsize");
        }
        self.attribute(&format!("rtpmap:{pt} {}", codec.rtpmap));
        let feedback = [
            (params.feedback.remb, "goog-remb"),
            (params.feedback.transport_cc, "transport-cc"),
            (params.feedback.fir, "ccm fir"),
            (params.feedback.nack, "nack"),
            (params.feedback.pli, "nack pli"),
        ];
        for (_, name) in feedback.into_iter().filter(|(used, _)| *used) {
            self.attribute(&format!("rtcp-fb:{pt} {name}"));
        }
        if !fmtp.is_empty() {
            self.attribute(&format!("fmtp:{pt} {fmtp}"));
        }
        if let Some(rtx) = rtx {
            self.attribute(&format!("rtpmap:{rtx} rtx/{}", params.track.codec.clock_rate()));
            self.attribute(&format!("fmtp:{rtx} apt={pt}"));
        }
        for line in simulcast::answer(layers, pt) {
            self.attribute(&line);
        }
        if direction == Direction::Egress {
            let ssrcs: Vec<String> =
                [params.ssrc, params.rtx_ssrc].into_iter().flatten().map(|id| id.to_string()).collect();
            if ssrcs.len() > 1 {
                self.attribute(&format!("ssrc-group:FID {}", ssrcs.join(" ")));
            }
            for ssrc in ssrcs {
                self.attribute(&format!("ssrc:{ssrc} cname:{CNAME}"));
                self.attribute(&format!("ssrc:{ssrc} msid:{CNAME} {}", media.name));
            }
        }
    }
}
