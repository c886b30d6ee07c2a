//! Where a session is served, out of what the router plugins said: here, or at an address that the client is sent to.

use super::Denial;
use crate::media::StreamName;
use crate::plugin::{Action, Answer, Decided, Facts, MAX_ADDRESS, Place, Route, Step};
use reqwest::Url;
use std::collections::BTreeMap;

/// What became of a session at the routers. The default is what holds where none has an opinion: here, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// Where the client is sent; none: the session is served here.
    pub elsewhere: Option<Url>,
    /// Play: the stream in place of the one that it would go on under.
    pub stream: Option<StreamName>,
    /// Play: the rendition to start with and stay on.
    pub rendition: Option<String>,
    /// For the life of the session. Those of auth, by the same name, come first.
    pub tags: BTreeMap<String, String>,
    /// Who was asked, in order; the last one decided, where any did.
    pub steps: Vec<Step>,
}

/// The tag that metrics count by.
const COHORT: &str = "cohort";

impl Routing {
    /// Whether a router had an opinion.
    pub fn is_routed(&self) -> bool {
        self.steps.last().is_some_and(|step| step.outcome == "route")
    }

    /// The group that the session belongs to, as the routers say.
    pub fn cohort(&self) -> Option<&str> {
        self.tags.get(COHORT).map(String::as_str)
    }

    /// Where the client is sent, without the query: that may hold a credential. For log and events.
    pub fn shown(&self) -> Option<String> {
        let mut url = self.elsewhere.clone()?;
        url.set_query(None);
        Some(url.into())
    }
}

/// What the chain of routers said, for a session with these facts on the node of this name.
///
/// # Errors
/// When a router failed and its policy is to refuse.
pub(super) fn conclude(decided: Decided<Route>, facts: &Facts, node: &str) -> Result<Routing, (Denial, Vec<Step>)> {
    let Decided { answer, mut steps } = decided;
    let route = match answer {
        Answer::Abstain => return Ok(Routing { steps, ..Routing::default() }),
        // Of itself a router refuses nobody.
        Answer::Deny(denial) => return Err((Denial::PluginFailed(denial), steps)),
        Answer::Allow(route) => route,
    };
    let plays = facts.action == Action::Play;
    let stream = route.stream_name.filter(|_| plays);
    let rendition = route.rendition.filter(|_| plays);
    let found = route.places.iter().find_map(|place| found(place, facts, node, stream.as_ref(), rendition.as_deref()));
    if found.is_none()
        && !route.places.is_empty()
        && let Some(step) = steps.last_mut()
    {
        step.error = Some("this server knows none of the nodes that it names; served here".to_owned());
    }
    let elsewhere = found.and_then(|place| match place {
        Found::Here => None,
        Found::At(url) => Some(url),
    });
    Ok(Routing { elsewhere, stream, rendition, tags: route.tags, steps })
}

/// What a place means to this server.
enum Found {
    Here,
    At(Url),
}

fn found(
    place: &Place,
    facts: &Facts,
    node: &str,
    stream: Option<&StreamName>,
    rendition: Option<&str>,
) -> Option<Found> {
    match place {
        Place::Node(name) => (name == node).then_some(Found::Here),
        Place::Server(server) if is_asked_at(server, facts) => Some(Found::Here),
        Place::Server(server) => {
            let stream = stream.map_or(facts.stream.as_str(), StreamName::as_str);
            let rendition = rendition.or(facts.rendition.as_deref()).filter(|name| is_rendition(name));
            let mut url = server.clone();
            let mark = if rendition.is_some() { "@" } else { "" };
            url.set_path(&format!("/{}/{stream}{mark}{}", facts.protocol, rendition.unwrap_or_default()));
            // A server with the longest address may have no room for the path.
            (url.as_str().len() <= MAX_ADDRESS).then_some(Found::At(url))
        }
        Place::Address(url) if is_asked_at(url, facts) && url.path() == facts.path => Some(Found::Here),
        Place::Address(url) => Some(Found::At(url.clone())),
    }
}

/// What the client asked for may be any text. A rendition has up to 16 characters, its layers (`.s1t0`) five more.
fn is_rendition(text: &str) -> bool {
    let is_one = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=21).contains(&text.len()) && text.bytes().all(is_one)
}

/// Whether a client that goes to this address would come back here, as far as its `Host` header tells.
fn is_asked_at(url: &Url, facts: &Facts) -> bool {
    let Some(asked) = facts.header("host").and_then(|host| Url::parse(&format!("{}://{host}", url.scheme())).ok())
    else {
        return false;
    };
    asked.host_str() == url.host_str() && asked.port_or_known_default() == url.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Hook;
    use std::time::Duration;

    fn facts(action: Action) -> Facts {
        let protocol = if action == Action::Play { "whep" } else { "whip" };
        let mut facts = Facts::new("s".to_owned(), action, protocol, "192.0.2.1".parse().unwrap());
        facts.stream = "live/cam".to_owned();
        facts.path = format!("/{protocol}/live/cam");
        facts.headers = vec![("host".to_owned(), "media.example:8443".to_owned())];
        facts.query = vec![("token".to_owned(), "secret".to_owned())];
        facts.token = Some("secret".to_owned());
        facts
    }

    fn decided(nodes: &[&str], stream: Option<&str>, rendition: Option<&str>) -> Decided<Route> {
        let nodes: Vec<String> = nodes.iter().map(|&node| node.to_owned()).collect();
        let tags = BTreeMap::from([("cohort".to_owned(), "canary".to_owned())]);
        let route = Route::checked(&nodes, stream, rendition.map(str::to_owned), tags).unwrap();
        let step = Step {
            plugin: "canary".into(),
            hook: Hook::Router,
            generation: 1,
            outcome: "route",
            took: Duration::from_micros(3),
            error: None,
        };
        Decided { answer: Answer::Allow(route), steps: vec![step] }
    }

    #[test]
    fn the_first_place_that_means_something_holds() {
        let rows: &[(&[&str], Option<&str>)] = &[
            (&[], None),
            (&["eu-1"], None),
            (&["eu-2", "eu-1", "https://b.example"], None),
            (&["eu-2", "https://b.example"], Some("https://b.example/whep/live/cam")),
            (&["http://b.example:8080/"], Some("http://b.example:8080/whep/live/cam")),
            (&["https://b.example/whep/x?sig=1&a=b"], Some("https://b.example/whep/x?sig=1&a=b")),
            (&["https://MEDIA.example:8443", "https://b.example"], None),
            (&["https://media.example"], Some("https://media.example/whep/live/cam")),
            (&["https://media.example:8443/whep/live/cam?x=1"], None),
            (&["https://media.example:8443/whep/other"], Some("https://media.example:8443/whep/other")),
        ];
        for (nodes, expected) in rows {
            let routing = conclude(decided(nodes, None, None), &facts(Action::Play), "eu-1").unwrap();
            let found = routing.elsewhere.as_ref().map(Url::as_str);
            assert_eq!(found, *expected, "{nodes:?}");
            assert!(routing.is_routed() && routing.cohort() == Some("canary"));
        }
    }

    #[test]
    fn nothing_of_the_query_goes_along_and_a_credential_never() {
        let routing = conclude(decided(&["https://b.example"], None, None), &facts(Action::Play), "eu-1").unwrap();
        assert!(!routing.elsewhere.unwrap().as_str().contains("secret"));
        let signed =
            conclude(decided(&["https://b.example/x?sig=1"], None, None), &facts(Action::Play), "eu-1").unwrap();
        assert_eq!(signed.shown().as_deref(), Some("https://b.example/x"));
    }

    #[test]
    fn another_stream_and_rendition_go_along_for_viewers() {
        let answer = || decided(&["https://b.example"], Some("canary/cam"), Some("low"));
        let viewer = conclude(answer(), &facts(Action::Play), "eu-1").unwrap();
        assert_eq!(viewer.elsewhere.unwrap().as_str(), "https://b.example/whep/canary/cam@low");
        let publisher = conclude(answer(), &facts(Action::Publish), "eu-1").unwrap();
        assert_eq!(publisher.elsewhere.unwrap().as_str(), "https://b.example/whip/live/cam");
        assert!(publisher.stream.is_none() && publisher.rendition.is_none());
        let layers = Facts { rendition: Some("h.s1t0".to_owned()), ..facts(Action::Play) };
        let viewer = conclude(decided(&["https://b.example"], None, None), &layers, "eu-1").unwrap();
        assert_eq!(viewer.elsewhere.unwrap().as_str(), "https://b.example/whep/live/cam@h.s1t0");
        let odd = Facts { rendition: Some("a/../b?c".to_owned()), ..facts(Action::Play) };
        let viewer = conclude(decided(&["https://b.example"], None, None), &odd, "eu-1").unwrap();
        assert_eq!(viewer.elsewhere.unwrap().as_str(), "https://b.example/whep/live/cam");
    }

    #[test]
    fn unknown_nodes_are_told_in_the_story() {
        let routing = conclude(decided(&["us-1"], None, None), &facts(Action::Play), "eu-1").unwrap();
        assert!(routing.elsewhere.is_none());
        assert!(routing.steps[0].error.as_ref().unwrap().contains("knows none of the nodes"));
    }
}
