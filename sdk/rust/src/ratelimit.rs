//! The hook `ratelimit`: rules that the server enforces itself, and answers for those that no bucket can express.

use crate::__private::{decide, rules};
use crate::bindings::host;
use crate::units::{Bitrate, whole_milliseconds};
use crate::{Action, Error, Result};
use std::time::Duration;

/// Begins a rule. The name, 1 to 64 of `a-z 0-9 _ -`, is in metrics, logs and the words that a client reads.
///
/// ```
/// use wasmcast_plugin::prelude::*;
///
/// #[ratelimit]
/// fn rules() -> Vec<Rule> {
///     vec![
///         limit("joins").viewers().per(Per::Ip).rate(2.0, 20.0),         // 2 a second, 20 at once
///         limit("audience").viewers().per(Per::Stream).at_once(500),
///         limit("bitrate").ingest().per(Per::Subject).bitrate(mbps(4), seconds(10)),
///         limit("requests").requests().per(Per::IpPrefix).rate(50.0, 200.0),
///         limit("free").viewers().only_tag("plan", "free").per(Per::tag("team")).at_once(10),
///     ]
/// }
/// ```
pub fn limit(name: impl Into<String>) -> Named {
    Named { name: name.into() }
}

/// A rule that has a name: say next what is counted.
#[derive(Clone, Debug)]
#[must_use = "a rule counts only when the hook returns it"]
pub struct Named {
    name: String,
}

/// A rule that knows what is counted: say whose, where, and at last how much is allowed.
#[derive(Clone, Debug)]
#[must_use = "say how much is allowed: rate, at_once or ask"]
pub struct Limit {
    name: String,
    measure: String,
    per: Vec<Per>,
    only: Vec<(String, String)>,
}

/// A rule on what publishers send: say whose, where, and at last how much is allowed.
#[derive(Clone, Debug)]
#[must_use = "say how much is allowed: bitrate"]
pub struct Ingest(Limit);

/// What tells buckets apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// The client's address. Of IPv6 clients have many: see [`Per::IpPrefix`].
    Ip,
    /// The network of the address: /24, of IPv6 /64.
    IpPrefix,
    /// Who it is, as auth said.
    Subject,
    /// The stream asked for; beside subject or tags the one that auth gave.
    Stream,
    /// Where the client is. The server must learn that: `http.country_header`.
    Country,
    /// The value of a tag that auth gave.
    Tag(String),
}

impl Per {
    /// The value of a tag that auth gave.
    pub fn tag(key: impl Into<String>) -> Self {
        Per::Tag(key.into())
    }

    fn name(self) -> String {
        match self {
            Per::Ip => "ip".to_owned(),
            Per::IpPrefix => "ip-prefix".to_owned(),
            Per::Subject => "subject".to_owned(),
            Per::Stream => "stream".to_owned(),
            Per::Country => "country".to_owned(),
            Per::Tag(key) => format!("tag:{key}"),
        }
    }
}

impl Named {
    /// Counts connections that are accepted; only their address is known.
    pub fn connections(self) -> Limit {
        self.of("connection")
    }

    /// Counts HTTP requests; neither subject nor tags are known.
    pub fn requests(self) -> Limit {
        self.of("request")
    }

    /// Counts sessions that publish.
    pub fn publishers(self) -> Limit {
        self.of("publish")
    }

    /// Counts sessions that play.
    pub fn viewers(self) -> Limit {
        self.of("play")
    }

    /// Counts what publishers send.
    pub fn ingest(self) -> Ingest {
        Ingest(self.of("ingest-kbit"))
    }

    /// Counts what the server knows by this name, where that comes from a configuration: `connection`, `request`, `publish` or
    /// `play`; with [`rate`](Limit::rate) in kilobits also `ingest-kbit`. An unknown one refuses the plugin.
    pub fn measure(self, measure: impl Into<String>) -> Limit {
        self.of(&measure.into())
    }

    fn of(self, measure: &str) -> Limit {
        Limit { name: self.name, measure: measure.to_owned(), per: Vec::new(), only: Vec::new() }
    }
}

impl Limit {
    /// One bucket for each of these; said several times, for each combination. Without it one for the node.
    pub fn per(mut self, part: Per) -> Self {
        self.per.push(part);
        self
    }

    /// Counts only what publishes, or plays: for requests.
    pub fn only_action(self, action: Action) -> Self {
        let name = match action {
            Action::Publish => "publish",
            Action::Play => "play",
            Action::Admin => "admin",
        };
        self.only("action", name)
    }

    /// Counts only a protocol, such as `whep`; said several times, any of them.
    pub fn only_protocol(self, protocol: impl Into<String>) -> Self {
        self.only("protocol", protocol)
    }

    /// Counts only streams that a glob covers, such as `live/**`; said several times, that any of them covers.
    pub fn only_stream(self, glob: impl Into<String>) -> Self {
        self.only("stream", glob)
    }

    /// Counts only clients in a country, such as `DE`; said several times, in any of them.
    pub fn only_country(self, code: impl Into<String>) -> Self {
        self.only("country", code)
    }

    /// Counts only sessions to which auth gave a tag with this value; for one key said several times, any of its values.
    pub fn only_tag(self, key: &str, value: impl Into<String>) -> Self {
        self.only(format!("tag:{key}"), value)
    }

    fn only(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.only.push((key.into(), value.into()));
        self
    }

    /// So many a second, on average; `burst` at once after some quiet, at least 1.
    pub fn rate(self, per_second: f64, burst: f64) -> Rule {
        self.with(Amount::Rate(per_second, burst))
    }

    /// So many at the same time.
    pub fn at_once(self, most: u32) -> Rule {
        self.with(Amount::AtOnce(most))
    }

    /// The function with [`decide`](macro@crate::decide) answers for each one: for viewers and publishers, without
    /// [`per`](Self::per).
    pub fn ask(self) -> Rule {
        self.with(Amount::Ask)
    }

    fn with(self, amount: Amount) -> Rule {
        Rule { limit: self, amount }
    }
}

impl Ingest {
    /// As [`Limit::per`]: publishers that share a bucket share the bitrate.
    pub fn per(self, part: Per) -> Self {
        Ingest(self.0.per(part))
    }

    /// As [`Limit::only_protocol`].
    pub fn only_protocol(self, protocol: impl Into<String>) -> Self {
        Ingest(self.0.only_protocol(protocol))
    }

    /// As [`Limit::only_stream`].
    pub fn only_stream(self, glob: impl Into<String>) -> Self {
        Ingest(self.0.only_stream(glob))
    }

    /// As [`Limit::only_country`].
    pub fn only_country(self, code: impl Into<String>) -> Self {
        Ingest(self.0.only_country(code))
    }

    /// As [`Limit::only_tag`].
    pub fn only_tag(self, key: &str, value: impl Into<String>) -> Self {
        Ingest(self.0.only_tag(key, value))
    }

    /// This bitrate on average; after some quiet as much at once as goes into `burst` at this bitrate.
    pub fn bitrate(self, bitrate: Bitrate, burst: Duration) -> Rule {
        let kbps = f64::from(bitrate.as_kbps());
        self.0.rate(kbps, (kbps * burst.as_secs_f64()).max(1.0))
    }
}

/// A rule that the server enforces.
#[derive(Clone, Debug)]
#[must_use = "a rule counts only when the hook returns it"]
pub struct Rule {
    limit: Limit,
    amount: Amount,
}

#[derive(Clone, Copy, Debug)]
enum Amount {
    Rate(f64, f64),
    AtOnce(u32),
    Ask,
}

impl From<Rule> for rules::Rule {
    fn from(rule: Rule) -> Self {
        let Limit { name, measure, per, only } = rule.limit;
        let only = only.into_iter().map(|(key, value)| host::types::Attribute { key, value }).collect();
        let limit = match rule.amount {
            Amount::Rate(per_second, burst) => rules::Limit::Rate(rules::Bucket { per_second, burst }),
            Amount::AtOnce(most) => rules::Limit::AtOnce(most),
            Amount::Ask => rules::Limit::Ask,
        };
        Self { name, measure, per: per.into_iter().map(Per::name).collect(), only, limit }
    }
}

/// The answer for a session that meets a rule with `ask`: [`admit`] or [`refuse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a verdict counts only when the hook returns it"]
pub struct Verdict(Option<Duration>);

/// Lets it in.
pub fn admit() -> Verdict {
    Verdict(None)
}

/// Refuses it with 429; another try may succeed after this time. Zero: that is not known, and the client is told 10 s.
pub fn refuse(retry_after: Duration) -> Verdict {
    Verdict(Some(retry_after))
}

impl From<Verdict> for decide::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict.0 {
            None => Self::Admit,
            Some(retry_after) => Self::Refuse(whole_milliseconds(retry_after)),
        }
    }
}

/// What a function under [`ratelimit`](macro@crate::ratelimit) may return: a `Vec<Rule>`, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "a ratelimit hook returns `Result<Vec<Rule>>` or `Vec<Rule>`, not `{Self}`",
    label = "this is neither `Result<Vec<Rule>>` nor `Vec<Rule>`"
)]
pub trait IntoRules {
    #[doc(hidden)]
    fn into_rules(self) -> Result<Vec<Rule>>;
}

impl IntoRules for Vec<Rule> {
    fn into_rules(self) -> Result<Vec<Rule>> {
        Ok(self)
    }
}

impl<E: Into<Error>> IntoRules for Result<Vec<Rule>, E> {
    fn into_rules(self) -> Result<Vec<Rule>> {
        self.map_err(Into::into)
    }
}

/// What a function under [`decide`](macro@crate::decide) may return: a `Verdict`, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "a decide hook returns `Result<Verdict>` or `Verdict`, not `{Self}`",
    label = "this is neither `Result<Verdict>` nor `Verdict`"
)]
pub trait IntoVerdict {
    #[doc(hidden)]
    fn into_verdict(self) -> Result<Verdict>;
}

impl IntoVerdict for Verdict {
    fn into_verdict(self) -> Result<Verdict> {
        Ok(self)
    }
}

impl<E: Into<Error>> IntoVerdict for Result<Verdict, E> {
    fn into_verdict(self) -> Result<Verdict> {
        self.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{kbps, milliseconds, seconds};

    #[test]
    fn a_rule_reaches_the_server_whole() {
        let given = limit("joins")
            .viewers()
            .per(Per::Ip)
            .per(Per::tag("plan"))
            .only_stream("live/**")
            .only_tag("plan", "free")
            .only_action(Action::Play)
            .rate(0.5, 10.0);
        let told: rules::Rule = given.into();
        assert_eq!((&*told.name, &*told.measure), ("joins", "play"));
        assert_eq!(told.per, ["ip", "tag:plan"]);
        let only: Vec<(&str, &str)> = told.only.iter().map(|one| (&*one.key, &*one.value)).collect();
        assert_eq!(only, [("stream", "live/**"), ("tag:plan", "free"), ("action", "play")]);
        assert!(matches!(told.limit, rules::Limit::Rate(rules::Bucket { per_second: 0.5, burst: 10.0 })));
    }

    #[test]
    fn amounts_are_told_in_the_units_of_the_contract() {
        let bitrate: rules::Rule = limit("a").ingest().per(Per::Subject).bitrate(kbps(2_000), seconds(10)).into();
        assert!(matches!(bitrate.limit, rules::Limit::Rate(rules::Bucket { per_second: 2000.0, burst: 20000.0 })));
        assert_eq!(bitrate.measure, "ingest-kbit");
        let full: rules::Rule = limit("a").publishers().at_once(3).into();
        assert!(matches!(full.limit, rules::Limit::AtOnce(3)));
        let rows = [
            (admit(), decide::Verdict::Admit),
            (refuse(Duration::ZERO), decide::Verdict::Refuse(0)),
            (refuse(milliseconds(1_500)), decide::Verdict::Refuse(1_500)),
        ];
        for (verdict, expected) in rows {
            assert_eq!(format!("{:?}", decide::Verdict::from(verdict)), format!("{expected:?}"));
        }
    }
}
