//! An offer as a whole: its m-lines and the BUNDLE group that joins them.

use super::OfferError;
use super::grammar::{self, Attribute, Sections};
use super::media::{OfferedDirection, OfferedMedia};
use super::transport::{OfferedTransport, Setup};
use crate::protocol::webrtc::RemoteTransport;
use std::str::FromStr;

/// A parsed SDP offer of a publisher or viewer.
#[derive(Clone, Debug)]
pub struct Offer {
    pub(super) media: Vec<OfferedMedia>,
    /// Indexes of the m-lines in the first `a=group:BUNDLE`, in the group's order.
    pub(super) bundle: Vec<usize>,
    /// `a=extmap-allow-mixed` for the session.
    pub(super) allow_mixed: bool,
}

/// The one transport of a session, and what the answer says of it.
#[derive(Debug)]
pub(super) struct Agreement {
    pub remote: RemoteTransport,
    /// Index of the m-line that carries the transport's attributes.
    pub tagged: usize,
    /// We connect, since the peer only listens.
    pub dtls_client: bool,
}

impl Offer {
    /// Reads an offer of at most 64 KiB, 2000 lines and 16 m-lines.
    pub fn parse(text: &str) -> Result<Offer, OfferError> {
        let Sections { session, media } = grammar::offer(text)?;
        let transport = OfferedTransport::read(&session)?;
        let direction = session.iter().find_map(OfferedDirection::read).unwrap_or(OfferedDirection::SendRecv);
        let media = media
            .iter()
            .map(|section| OfferedMedia::read(section, &transport, direction))
            .collect::<Result<Vec<_>, _>>()?;
        for (index, one) in media.iter().enumerate() {
            if one.mid.is_some() && media[..index].iter().any(|other| other.mid == one.mid) {
                return Err(OfferError::DuplicateMid(one.tag(index)));
            }
        }
        let bundle = bundle(&session, &media);
        let allow_mixed = session.iter().any(|attribute| attribute.name == "extmap-allow-mixed");
        Ok(Offer { media, bundle, allow_mixed })
    }

    /// Checks that the m-lines of `served` can share one transport, and reads it (RFC 9143, 7.3).
    pub(super) fn agree(&self, served: &[usize], may_connect: bool) -> Result<Agreement, OfferError> {
        for &index in served {
            let media = &self.media[index];
            let mid = || media.tag(index);
            if !media.protocol.ends_with("RTP/SAVPF") && !media.protocol.ends_with("TLS/RTP/SAVP") {
                return Err(OfferError::Protocol { mid: mid(), protocol: super::error::excerpt(&media.protocol) });
            }
            if !media.rtcp_mux {
                return Err(OfferError::NoRtcpMux { mid: mid() });
            }
            if served.len() > 1 && !self.bundle.contains(&index) {
                return Err(OfferError::NoBundle);
            }
        }
        let tagged = self.bundle.iter().chain(served).copied().find(|index| served.contains(index));
        let tagged = tagged.expect("callers serve at least one m-line");
        let transport = &self.media[tagged].transport;
        let mid = || self.media[tagged].tag(tagged);
        let (Some(ufrag), Some(pwd)) = (&transport.ufrag, &transport.pwd) else {
            return Err(OfferError::NoIceCredentials { mid: mid() });
        };
        if transport.fingerprints.is_empty() {
            return Err(OfferError::NoFingerprint { mid: mid() });
        }
        // Without the attribute the offerer is active (RFC 4145, 4.1).
        let dtls_client = match transport.setup.unwrap_or(Setup::Active) {
            Setup::ActPass | Setup::Active => false,
            Setup::Passive if may_connect => true,
            setup => return Err(OfferError::Setup { mid: mid(), setup: setup.name() }),
        };
        let remote =
            RemoteTransport { ufrag: ufrag.clone(), pwd: pwd.clone(), fingerprints: transport.fingerprints.clone() };
        Ok(Agreement { remote, tagged, dtls_client })
    }
}

impl FromStr for Offer {
    type Err = OfferError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Offer::parse(text)
    }
}

/// The m-lines of the first BUNDLE group; tags that name no m-line are left out.
fn bundle(session: &[Attribute<'_>], media: &[OfferedMedia]) -> Vec<usize> {
    let mut indexes = Vec::new();
    let group = session
        .iter()
        .filter(|attribute| attribute.name == "group")
        .find_map(|attribute| attribute.value.strip_prefix("BUNDLE"));
    for tag in group.unwrap_or_default().split_ascii_whitespace() {
        let index = media.iter().position(|media| media.mid.as_deref() == Some(tag));
        if let Some(index) = index.filter(|index| !indexes.contains(index)) {
            indexes.push(index);
        }
    }
    indexes
}
