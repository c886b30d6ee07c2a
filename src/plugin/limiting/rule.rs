//! The rules of a plugin, checked: what is counted, of whom, and how much is allowed.

use super::item::Item;
use super::only::Only;
use crate::media::Pace;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// A rule as a plugin gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    pub name: String,
    pub measure: String,
    pub per: Vec<String>,
    pub only: Vec<(String, String)>,
    pub amount: Amount,
}

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    Rate(Pace),
    AtOnce(u32),
    /// The plugin answers for each one.
    Ask,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Connection,
    Request,
    Publish,
    Play,
    IngestKbit,
}

/// One part of what tells buckets apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Ip,
    IpPrefix,
    Subject,
    Stream,
    Country,
    Tag(String),
}

/// A rule that can be enforced.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub name: Arc<str>,
    pub measure: Measure,
    pub per: Vec<Part>,
    pub only: Only,
    pub amount: Amount,
}

/// All rules of a plugin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules(Vec<Rule>);

/// Rules of a plugin: each is looked at for each session, and keeps up to 100,000 buckets.
const MAX_RULES: usize = 64;
/// Longest name, in bytes.
const MAX_NAME: usize = 64;
/// Longest key of a tag, in bytes.
const MAX_KEY: usize = 256;
/// Parts of one rule.
const MAX_PARTS: usize = 16;
/// The slowest and the fastest pace: one in 11 days, and 10 Gbit/s in kilobits.
const PER_SECOND: std::ops::RangeInclusive<f64> = 1e-6..=1e7;
/// Most tokens of a bucket.
const MAX_BURST: f64 = 1e9;
/// Longest time until an empty bucket is full again: what is longer outlives any server.
const MAX_FILL_S: f64 = 366.0 * 86_400.0;
/// Mistakes that are told at once.
const MAX_TOLD: usize = 8;

impl Measure {
    pub const ALL: [Measure; 5] =
        [Measure::Connection, Measure::Request, Measure::Publish, Measure::Play, Measure::IngestKbit];

    /// As in the contract, in labels and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Connection => "connection",
            Measure::Request => "request",
            Measure::Publish => "publish",
            Measure::Play => "play",
            Measure::IngestKbit => "ingest-kbit",
        }
    }

    /// Whether it is about sessions, which auth answers for.
    pub fn is_of_sessions(self) -> bool {
        matches!(self, Measure::Publish | Measure::Play | Measure::IngestKbit)
    }
}

impl Part {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "ip" => Part::Ip,
            "ip-prefix" => Part::IpPrefix,
            "subject" => Part::Subject,
            "stream" => Part::Stream,
            "country" => Part::Country,
            _ => Part::Tag(tag_key(text)?.to_owned()),
        })
    }

    /// As the plugin wrote it.
    pub fn name(&self) -> String {
        match self {
            Part::Ip => "ip".to_owned(),
            Part::IpPrefix => "ip-prefix".to_owned(),
            Part::Subject => "subject".to_owned(),
            Part::Stream => "stream".to_owned(),
            Part::Country => "country".to_owned(),
            Part::Tag(key) => format!("tag:{key}"),
        }
    }

    /// Whether only auth can tell it.
    fn is_of_auth(&self) -> bool {
        matches!(self, Part::Subject | Part::Tag(_))
    }

    /// Adds the value of what is counted. What it does not have is a value like any.
    pub fn hash(&self, item: &Item<'_>, hasher: &mut impl Hasher) {
        std::mem::discriminant(self).hash(hasher);
        match self {
            Part::Ip => item.ip.to_canonical().hash(hasher),
            Part::IpPrefix => prefix(item.ip).hash(hasher),
            Part::Subject => item.subject.hash(hasher),
            Part::Stream => item.stream.hash(hasher),
            Part::Country => item.country.hash(hasher),
            Part::Tag(key) => (key, item.tag(key)).hash(hasher),
        }
    }
}

/// The key of `tag:KEY`.
pub fn tag_key(text: &str) -> Option<&str> {
    text.strip_prefix("tag:").filter(|key| (1..=MAX_KEY).contains(&key.len()))
}

/// The network of an address: /24, or /64.
fn prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !0xff)),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

impl Rule {
    /// Whether it waits for what auth says: all others come before, so that a flood does not reach the auth plugins.
    pub fn is_after_auth(&self) -> bool {
        self.amount == Amount::Ask || self.per.iter().any(Part::is_of_auth) || self.only.is_of_auth()
    }

    /// Whether it has to do with where clients are.
    fn is_about_countries(&self) -> bool {
        self.per.contains(&Part::Country) || self.only.is_about_countries()
    }

    fn check(offered: Offered, can_ask: bool, wrong: &mut Vec<String>) -> Option<Self> {
        let before = wrong.len();
        let Offered { name, measure: measure_name, per, only, amount } = offered;
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(is_name) {
            wrong.push(format!("`{}` is no name of a rule: write 1 to {MAX_NAME} of a-z 0-9 _ -", shown(&name)));
            return None;
        }
        let mut tell = |text: String| wrong.push(format!("rule `{name}`: {text}"));
        let Some(measure) = Measure::ALL.into_iter().find(|measure| measure.name() == measure_name) else {
            let known = Measure::ALL.map(Measure::name).join(", ");
            tell(format!("`{}` is no measure; this server has {known}", shown(&measure_name)));
            return None;
        };
        let mut parts: Vec<Part> = Vec::new();
        if per.len() > MAX_PARTS {
            tell(format!("per has {} entries; at most {MAX_PARTS} are possible", per.len()));
        }
        for text in per.iter().take(MAX_PARTS) {
            match Part::read(text) {
                Some(part) if parts.contains(&part) => tell(format!("per has `{}` twice", shown(text))),
                Some(part) => parts.push(part),
                None => {
                    tell(format!("per: `{}` is none of ip, ip-prefix, subject, stream, country, tag:KEY", shown(text)));
                }
            }
        }
        let only = Only::read(&only, &mut tell);
        let fits = |part: &Part| match measure {
            Measure::Connection => matches!(part, Part::Ip | Part::IpPrefix),
            Measure::Request => !part.is_of_auth(),
            Measure::Publish | Measure::Play | Measure::IngestKbit => true,
        };
        for part in parts.iter().filter(|part| !fits(part)) {
            let why = if measure == Measure::Connection { "is known by its address only" } else { "comes before auth" };
            tell(format!("per: `{}` is not known of a {measure_name}, which {why}", part.name()));
        }
        match measure {
            Measure::Connection if !only.is_always() => {
                tell("only: a connection is known by its address only; leave it empty".to_owned());
            }
            Measure::Request if only.is_of_auth() => {
                tell("only: tags are not known of a request, which comes before auth".to_owned());
            }
            _ => {}
        }
        match amount {
            Amount::Rate(pace) => check_pace(pace, &mut tell),
            Amount::AtOnce(_) if measure == Measure::IngestKbit => {
                tell("kilobits have no number at once; give it a rate".to_owned());
            }
            Amount::Ask if !matches!(measure, Measure::Publish | Measure::Play) => {
                tell(format!("`ask` is for publish and play, not for {measure_name}"));
            }
            Amount::Ask if !can_ask => {
                tell("`ask` needs a plugin that exports wasmcast:ratelimit/decide".to_owned());
            }
            Amount::Ask if !parts.is_empty() => tell("`ask` has no buckets; leave per empty".to_owned()),
            Amount::AtOnce(_) | Amount::Ask => {}
        }
        (wrong.len() == before).then(|| Rule { name: name.into(), measure, per: parts, only, amount })
    }
}

fn check_pace(pace: Pace, tell: &mut impl FnMut(String)) {
    let Pace { per_second, burst } = pace;
    let (least, most) = (PER_SECOND.start(), PER_SECOND.end());
    if !PER_SECOND.contains(&per_second) {
        return tell(format!("per-second is {per_second:?}; it goes from {least} to {most}"));
    }
    if !(1.0..=MAX_BURST).contains(&burst) {
        return tell(format!("burst is {burst:?}; it goes from 1 to {MAX_BURST}"));
    }
    if burst / per_second > MAX_FILL_S {
        tell(format!(
            "a burst of {burst} at {per_second} a second would be full again after {:.0} days; at most 366 are possible",
            burst / per_second / 86_400.0
        ));
    }
}

impl Rules {
    /// Rules as a plugin gave them. `can_ask`: whether it exports `decide`.
    ///
    /// # Errors
    /// In words for the plugin's author: all that is wrong with them, or the first of it.
    pub fn checked(offered: Vec<Offered>, can_ask: bool) -> Result<Self, String> {
        if offered.len() > MAX_RULES {
            return Err(format!("there are {} rules; a plugin has at most {MAX_RULES}", offered.len()));
        }
        let mut wrong = Vec::new();
        let mut rules: Vec<Rule> = Vec::with_capacity(offered.len());
        for one in offered {
            if let Some(rule) = Rule::check(one, can_ask, &mut wrong) {
                if rules.iter().any(|other| other.name == rule.name) {
                    wrong.push(format!("rule `{}`: there is another one of this name", rule.name));
                }
                rules.push(rule);
            }
        }
        match wrong.len() {
            0 => Ok(Rules(rules)),
            count => {
                let more = count.saturating_sub(MAX_TOLD);
                wrong.truncate(MAX_TOLD);
                let more = if more > 0 { format!("; and {more} more mistakes") } else { String::new() };
                Err(wrong.join("; ") + &more)
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first that has to do with where clients are.
    pub fn about_countries(&self) -> Option<&Rule> {
        self.iter().find(|rule| rule.is_about_countries())
    }
}

/// The beginning of a text, for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(name: &str, measure: &str, per: &[&str], only: &[(&str, &str)], amount: Amount) -> Offered {
        Offered {
            name: name.to_owned(),
            measure: measure.to_owned(),
            per: per.iter().map(|&part| part.to_owned()).collect(),
            only: only.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
            amount,
        }
    }

    fn rate(per_second: f64, burst: f64) -> Amount {
        Amount::Rate(Pace { per_second, burst })
    }

    #[test]
    fn rules_are_held_to_what_can_be_counted() {
        let fine = rate(1.0, 1.0);
        let long = "x".repeat(65);
        let huge = "x".repeat(100_000);
        type Row<'a> = (Offered, Option<&'a str>);
        let rows: Vec<Row<'_>> = vec![
            (offered("a", "connection", &["ip", "ip-prefix"], &[], fine), None),
            (offered("a", "request", &["ip", "stream", "country"], &[("action", "play")], fine), None),
            (offered("a_-9", "play", &["subject", "tag:plan"], &[("tag:plan", "free"), ("country", "de")], fine), None),
            (offered("a", "publish", &[], &[("stream", "live/**"), ("protocol", "whip")], Amount::AtOnce(0)), None),
            (offered("a", "ingest-kbit", &["subject"], &[], rate(4_000.0, 40_000.0)), None),
            (offered("a", "play", &[], &[], Amount::Ask), None),
            (offered("", "play", &[], &[], fine), Some("is no name")),
            (offered(&long, "play", &[], &[], fine), Some("is no name")),
            (offered(&huge, &huge, &[], &[], fine), Some("is no name")),
            (offered("A b\n", "play", &[], &[], fine), Some("`A b\\n` is no name")),
            (
                offered("a", "packet", &[], &[], fine),
                Some("`packet` is no measure; this server has connection, request"),
            ),
            (offered("a", &huge, &[], &[], fine), Some("is no measure")),
            (offered("a", "play", &["device"], &[], fine), Some("`device` is none of ip, ip-prefix")),
            (offered("a", "play", &["tag:"], &[], fine), Some("`tag:` is none of")),
            (offered("a", "play", &["ip", "ip"], &[], fine), Some("per has `ip` twice")),
            (offered("a", "connection", &["stream"], &[], fine), Some("is known by its address only")),
            (offered("a", "connection", &[], &[("action", "play")], fine), Some("leave it empty")),
            (offered("a", "request", &["subject"], &[], fine), Some("comes before auth")),
            (offered("a", "request", &[], &[("tag:a", "b")], fine), Some("comes before auth")),
            (offered("a", "play", &[], &[("device", "tv")], fine), Some("only: `device` is none of")),
            (offered("a", "play", &[], &[("action", "admin")], fine), Some("expected publish or play")),
            (offered("a", "play", &[], &[("protocol", "smtp")], fine), Some("`smtp` is no protocol")),
            (offered("a", "play", &[], &[("country", "DEU")], fine), Some("is no country")),
            (offered("a", "play", &[], &[("stream", "a//b")], fine), Some("no stream pattern")),
            (offered("a", "play", &[], &[], rate(f64::NAN, 1.0)), Some("per-second is NaN")),
            (offered("a", "play", &[], &[], rate(f64::INFINITY, 1.0)), Some("per-second is inf")),
            (offered("a", "play", &[], &[], rate(0.0, 1.0)), Some("per-second is 0.0")),
            (offered("a", "play", &[], &[], rate(-0.0, 1.0)), Some("per-second is -0.0")),
            (offered("a", "play", &[], &[], rate(-5.0, 1.0)), Some("per-second is -5.0")),
            (offered("a", "play", &[], &[], rate(5e-324, 1.0)), Some("it goes from")),
            (offered("a", "play", &[], &[], rate(1.0, f64::NAN)), Some("burst is NaN")),
            (offered("a", "play", &[], &[], rate(1.0, f64::INFINITY)), Some("burst is inf")),
            (offered("a", "play", &[], &[], rate(1.0, 0.5)), Some("burst is 0.5")),
            (offered("a", "play", &[], &[], rate(0.001, 1e6)), Some("11574 days")),
            (offered("a", "ingest-kbit", &[], &[], Amount::AtOnce(1)), Some("no number at once")),
            (offered("a", "ingest-kbit", &[], &[], Amount::Ask), Some("is for publish and play")),
            (offered("a", "request", &[], &[], Amount::Ask), Some("is for publish and play")),
            (offered("a", "play", &["ip"], &[], Amount::Ask), Some("has no buckets")),
        ];
        for (rule, expected) in rows {
            let told = format!("{:.200}", format!("{rule:?}"));
            match (Rules::checked(vec![rule], true), expected) {
                (Ok(rules), None) => assert_eq!(rules.len(), 1),
                (Err(error), Some(part)) => assert!(error.contains(part) && error.len() < 1_000, "{told}: {error}"),
                (found, _) => panic!("{told}: {found:?}"),
            }
        }
    }

    #[test]
    fn all_mistakes_are_told_within_bounds() {
        let ask = offered("a", "play", &[], &[], Amount::Ask);
        let error = Rules::checked(vec![ask.clone()], false).unwrap_err();
        assert!(error.contains("needs a plugin that exports"), "{error}");
        let error = Rules::checked(vec![ask.clone(), ask.clone()], true).unwrap_err();
        assert!(error.contains("there is another one"), "{error}");
        let error = Rules::checked(vec![ask; 65], true).unwrap_err();
        assert!(error.contains("65 rules; a plugin has at most 64"), "{error}");
        let wrong = |n: usize| offered(&format!("a{n}"), "b", &["c"; 1_000], &[("d", "e"); 1_000], rate(-1.0, -1.0));
        let error = Rules::checked((0..64).map(wrong).collect(), true).unwrap_err();
        assert!(error.contains("and 56 more mistakes") && error.len() < 4_000, "{error}");
        let many = offered("a", "play", &["c"; 100_000], &[("d", "e"); 100_000], rate(1.0, 1.0));
        let error = Rules::checked(vec![many], true).unwrap_err();
        assert!(error.len() < 4_000, "{error}");
    }

    #[test]
    fn what_auth_tells_comes_after_it_and_all_else_before() {
        let rows = [
            (offered("a", "play", &["ip", "stream", "country"], &[("stream", "a")], rate(1.0, 1.0)), false),
            (offered("a", "play", &["ip", "subject"], &[], rate(1.0, 1.0)), true),
            (offered("a", "play", &["tag:plan"], &[], rate(1.0, 1.0)), true),
            (offered("a", "play", &["ip"], &[("tag:plan", "free")], rate(1.0, 1.0)), true),
            (offered("a", "play", &[], &[], Amount::Ask), true),
        ];
        for (rule, expected) in rows {
            let rules = Rules::checked(vec![rule.clone()], true).unwrap();
            assert_eq!(rules.iter().next().unwrap().is_after_auth(), expected, "{rule:?}");
        }
    }
}
