//! `application/trickle-ice-sdpfrag` (RFC 8840): what a PATCH brings, and our answer to an ICE restart.

use super::OfferError;
use super::answer::candidates;
use super::grammar::{self, Attribute};
use super::transport::OfferedTransport;
use crate::protocol::webrtc::{LocalTransport, RemoteTransport};

/// What a fragment says. Its candidates are only counted: with ICE-lite the peer's addresses come from its checks, so
/// unknown transports and mDNS names do no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The user fragment and password, where it has them.
    pub ice: Option<(String, String)>,
    /// How many candidates it has.
    pub candidates: usize,
    /// Whether the peer has no more of them.
    pub end_of_candidates: bool,
}

impl Fragment {
    /// Reads a fragment of at most 64 KiB, 2000 lines and 16 m-lines.
    pub fn parse(text: &str) -> Result<Fragment, OfferError> {
        let sections = grammar::fragment(text)?;
        let session = OfferedTransport::read(&sections.session)?;
        let mut transport = session.clone();
        for section in &sections.media {
            if transport.ufrag.is_none() && transport.pwd.is_none() {
                transport = OfferedTransport::read(&section.attributes)?;
            }
        }
        let ice = match (transport.ufrag, transport.pwd) {
            (Some(ufrag), Some(pwd)) => Some((ufrag, pwd)),
            (None, None) => None,
            (Some(_), None) => return Err(OfferError::HalfCredentials { has: "a=ice-ufrag", lacks: "a=ice-pwd" }),
            (None, Some(_)) => return Err(OfferError::HalfCredentials { has: "a=ice-pwd", lacks: "a=ice-ufrag" }),
        };
        let attributes =
            || sections.session.iter().chain(sections.media.iter().flat_map(|section| &section.attributes));
        let named = |name: &'static str| attributes().filter(move |attribute: &&Attribute<'_>| attribute.name == name);
        Ok(Fragment {
            ice,
            candidates: named("candidate").count(),
            end_of_candidates: named("end-of-candidates").next().is_some(),
        })
    }

    /// Whether it has other credentials than the session: an ICE restart (RFC 9725, 4.3.3). If not, it trickles
    /// candidates.
    pub fn restarts(&self, remote: &RemoteTransport) -> bool {
        self.ice.as_ref().is_some_and(|(ufrag, pwd)| *ufrag != remote.ufrag || *pwd != remote.pwd)
    }

    /// The body that answers an ICE restart. `answer` is the SDP answer of the session, `local` has the new
    /// credentials.
    pub fn write(answer: &str, local: &LocalTransport) -> String {
        let mut text = String::from("a=ice-lite\r\n");
        let sections = grammar::offer(answer).unwrap_or_default();
        let mid = |attributes: &[Attribute<'_>]| {
            attributes.iter().find(|attribute| attribute.name == "mid").map(|attribute| attribute.value.to_owned())
        };
        let group = sections.session.iter().find(|attribute| attribute.name == "group");
        if let Some(group) = group {
            text.push_str(&format!("a=group:{}\r\n", group.value));
        }
        let tag = group.and_then(|group| group.value.split_ascii_whitespace().nth(1));
        let tagged = sections.media.iter().find(|section| match tag {
            Some(tag) => mid(&section.attributes).as_deref() == Some(tag),
            None => !section.media.contains(" 0 "),
        });
        if let Some(section) = tagged {
            text.push_str(&format!("m={}\r\n", section.media));
            if let Some(mid) = mid(&section.attributes) {
                text.push_str(&format!("a=mid:{mid}\r\n"));
            }
        }
        text.push_str(&format!("a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", local.ufrag, local.pwd));
        for candidate in candidates(local) {
            text.push_str(&format!("a={candidate}\r\n"));
        }
        text.push_str("a=end-of-candidates\r\n");
        text
    }
}
