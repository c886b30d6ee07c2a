//! What is counted: a connection, a request or a session, as far as it is known then.

use crate::plugin::facts::{Action, Facts};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One thing that comes. What it does not have is empty or none.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    pub ip: IpAddr,
    pub action: Option<Action>,
    pub protocol: &'a str,
    pub stream: &'a str,
    /// Upper case.
    pub country: Option<&'a str>,
    pub subject: Option<&'a str>,
    pub tags: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Item<'a> {
    /// A connection, of which only the address is known.
    pub fn connection(ip: IpAddr) -> Self {
        Item { ip, action: None, protocol: "", stream: "", country: None, subject: None, tags: None }
    }

    /// A session, with what is known of it.
    pub(in crate::plugin) fn session(facts: &'a Facts) -> Self {
        Item {
            ip: facts.remote_ip,
            action: Some(facts.action),
            protocol: facts.protocol,
            stream: &facts.stream,
            country: facts.country.as_deref(),
            subject: facts.subject.as_deref(),
            tags: Some(&facts.tags),
        }
    }

    /// The value of a tag.
    pub(super) fn tag(&self, key: &str) -> Option<&'a str> {
        self.tags?.get(key).map(String::as_str)
    }
}
