//! Rules of several plugins together, fed with time.

use super::*;
use crate::media::Pace;
use crate::plugin::facts::Facts;
use crate::plugin::manifest::Manifest;
use std::collections::BTreeMap;

fn rule(name: &str, measure: &str, per: &[&str], only: &[(&str, &str)], amount: Amount) -> Offered {
    let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    let only = only.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Offered { name: name.to_owned(), measure: measure.to_owned(), per: texts(per), only, amount }
}

fn rate(per_second: f64, burst: f64) -> Amount {
    Amount::Rate(Pace { per_second, burst })
}

fn source(plugin: &str, rules: Vec<Offered>) -> Source {
    matched(plugin, "", rules)
}

fn matched(plugin: &str, manifest: &str, rules: Vec<Offered>) -> Source {
    let matching = Manifest::parse(manifest, plugin, "a.toml").unwrap().matching;
    let rules = Arc::new(Rules::checked(rules, true).unwrap());
    Source { plugin: plugin.into(), generation: 1, matching, rules }
}

fn limiter(sources: &[Source]) -> Arc<Limiter> {
    let limiter = Arc::new(Limiter::default());
    limiter.put(sources);
    limiter
}

fn facts(action: Action, ip: &str, stream: &str) -> Arc<Facts> {
    let protocol = if action == Action::Publish { "whip" } else { "whep" };
    let mut facts = Facts::new("s".to_owned(), action, protocol, ip.parse().unwrap());
    facts.stream = stream.to_owned();
    Arc::new(facts)
}

fn known(subject: Option<&str>, tags: &[(&str, &str)]) -> Known {
    let tags = tags.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Known { subject: subject.map(str::to_owned), tags, stream: None }
}

/// A session comes; the name of the rule that refuses it.
fn come(limiter: &Arc<Limiter>, facts: &Arc<Facts>, known: Known, now: Instant) -> Result<Counted, String> {
    let early = limiter.early(facts, now).map_err(|limited| limited.rule.to_string())?;
    limiter.late(facts, known, early, now).map_err(|limited| limited.rule.to_string())
}

fn view(limiter: &Arc<Limiter>, ip: &str, stream: &str, now: Instant) -> Result<Counted, String> {
    come(limiter, &facts(Action::Play, ip, stream), Known::default(), now)
}

fn counts(limiter: &Limiter, plugin: &str) -> Vec<(String, u64, u64)> {
    limiter.told(plugin).into_iter().map(|rule| (rule.name, rule.allowed, rule.refused)).collect()
}

#[test]
fn all_rules_of_all_plugins_hold_and_who_is_refused_uses_up_nothing() {
    let now = Instant::now();
    let limiter = limiter(&[
        source("a", vec![rule("node", "play", &[], &[], rate(1.0, 3.0))]),
        source("b", vec![rule("ip", "play", &["ip"], &[], rate(1.0, 1.0))]),
    ]);
    assert!(view(&limiter, "192.0.2.1", "cam", now).is_ok());
    for _ in 0..10 {
        assert_eq!(view(&limiter, "192.0.2.1", "cam", now).unwrap_err(), "ip");
    }
    assert!(view(&limiter, "192.0.2.2", "cam", now).is_ok() && view(&limiter, "192.0.2.3", "cam", now).is_ok());
    assert_eq!(view(&limiter, "192.0.2.4", "cam", now).unwrap_err(), "node");
    assert!(come(&limiter, &facts(Action::Publish, "192.0.2.1", "cam"), Known::default(), now).is_ok());
    assert!(view(&limiter, "192.0.2.1", "cam", now + Duration::from_secs(1)).is_ok());
    assert_eq!(counts(&limiter, "a"), [("node".to_owned(), 4, 1)]);
    assert_eq!(counts(&limiter, "b"), [("ip".to_owned(), 4, 10)]);
    assert!(limiter.told("c").is_empty());
}

#[test]
fn refusals_tell_rule_and_time_in_whole_seconds() {
    let now = Instant::now();
    let limiter = limiter(&[source("a", vec![rule("slow", "request", &["ip"], &[], rate(0.4, 1.0))])]);
    let item = Item::connection("192.0.2.1".parse().unwrap());
    assert!(limiter.pass(Measure::Request, &item, now).is_ok());
    let limited = limiter.pass(Measure::Request, &item, now).unwrap_err();
    assert_eq!((&*limited.plugin, limited.retry_after), ("a", Duration::from_millis(2_500)));
    assert_eq!(
        limited.to_string(),
        "the limit `slow` of this server is reached: too many requests in a short time; try again in 3 s"
    );
    assert!(limiter.pass(Measure::Connection, &item, now).is_ok(), "another measure");
}

#[test]
fn rules_that_need_auth_come_after_it_and_know_what_it_said() {
    let now = Instant::now();
    let limiter = limiter(&[source(
        "a",
        vec![
            rule("subject", "play", &["subject"], &[], rate(1.0, 1.0)),
            rule("free", "play", &["tag:team"], &[("tag:plan", "free")], Amount::AtOnce(1)),
        ],
    )]);
    let viewer = facts(Action::Play, "192.0.2.1", "cam");
    let come = |subject, tags: &[(&str, &str)]| come(&limiter, &viewer, known(subject, tags), now);
    assert!((0..9).all(|_| limiter.early(&viewer, now).is_ok()), "nothing is counted before");
    let alice = come(Some("alice"), &[("plan", "free"), ("team", "x")]).unwrap();
    assert_eq!(come(Some("alice"), &[]).unwrap_err(), "subject");
    assert_eq!(come(Some("bob"), &[("plan", "free"), ("team", "x")]).unwrap_err(), "free");
    assert!(come(Some("bob"), &[("plan", "free"), ("team", "y")]).is_ok(), "who was refused used up nothing");
    assert!(come(Some("carol"), &[("plan", "gold"), ("team", "x")]).is_ok());
    assert!(come(None, &[]).is_ok());
    assert_eq!(come(None, &[]).unwrap_err(), "subject", "those without a subject share a bucket");
    let steps: Vec<_> = alice.after.iter().map(|step| (&*step.plugin, step.outcome)).collect();
    assert_eq!((steps, alice.before.len()), (vec![("a", "admit")], 0));
    drop(alice);
    assert!(come(Some("dave"), &[("plan", "free"), ("team", "x")]).is_ok(), "the place is free again");
}

#[test]
fn the_manifests_match_gives_sessions_and_not_requests() {
    let now = Instant::now();
    let rules =
        || vec![rule("none", "play", &[], &[], Amount::AtOnce(0)), rule("no", "request", &[], &[], Amount::AtOnce(0))];
    let limiter = limiter(&[matched("a", "[match]\nstream = [\"live/*\"]\n", rules())]);
    assert!(view(&limiter, "192.0.2.1", "other", now).is_ok());
    assert_eq!(view(&limiter, "192.0.2.1", "live/cam", now).unwrap_err(), "none");
    assert!(limiter.pass(Measure::Request, &Item::connection("192.0.2.1".parse().unwrap()), now).is_err());
}

#[test]
fn a_rule_that_keeps_its_name_keeps_its_buckets_over_a_swap() {
    let now = Instant::now();
    let joins = |per_second, burst| rule("joins", "play", &["ip"], &[], rate(per_second, burst));
    let limiter = limiter(&[source("a", vec![joins(1.0, 2.0)])]);
    assert!(view(&limiter, "192.0.2.1", "cam", now).is_ok() && view(&limiter, "192.0.2.1", "cam", now).is_ok());
    let mut later = source("a", vec![rule("other", "request", &[], &[], rate(1.0, 1.0)), joins(0.5, 2.0)]);
    later.generation = 2;
    limiter.put(std::slice::from_ref(&later));
    assert!(view(&limiter, "192.0.2.1", "cam", now).is_err());
    assert_eq!(counts(&limiter, "a")[1], ("joins".to_owned(), 2, 1));
    limiter.put(&[source("b", vec![joins(1.0, 2.0)])]);
    assert!(view(&limiter, "192.0.2.1", "cam", now).is_ok(), "of another plugin it is another rule");
    limiter.put(&[]);
    assert!(!limiter.has_any() && (0..99).all(|_| view(&limiter, "192.0.2.1", "cam", now).is_ok()));
}

#[test]
fn who_is_there_counts_by_rules_that_come_later() {
    let now = Instant::now();
    let most = |most| source("a", vec![rule("audience", "play", &["stream"], &[], Amount::AtOnce(most))]);
    let by_subject = source("b", vec![rule("devices", "play", &["subject"], &[], Amount::AtOnce(1))]);
    let limiter = limiter(&[]);
    let viewer = facts(Action::Play, "192.0.2.1", "cam");
    let early = come(&limiter, &viewer, known(Some("alice"), &[]), now).unwrap();
    let second = view(&limiter, "192.0.2.2", "cam", now).unwrap();
    let publisher = come(&limiter, &facts(Action::Publish, "192.0.2.3", "cam"), Known::default(), now).unwrap();
    limiter.put(&[most(2), by_subject]);
    assert_eq!(view(&limiter, "192.0.2.4", "cam", now).unwrap_err(), "audience");
    let other = facts(Action::Play, "192.0.2.1", "cam2");
    assert_eq!(come(&limiter, &other, known(Some("alice"), &[]), now).unwrap_err(), "devices");
    // Over a swap nobody counts twice, and places come back once.
    limiter.put(&[most(3)]);
    let third = view(&limiter, "192.0.2.4", "cam", now).unwrap();
    assert_eq!(view(&limiter, "192.0.2.5", "cam", now).unwrap_err(), "audience");
    let clone = second.clone();
    drop(second);
    assert!(view(&limiter, "192.0.2.5", "cam", now).is_err(), "the session goes on");
    drop(clone);
    let fourth = view(&limiter, "192.0.2.5", "cam", now).unwrap();
    drop((early, third, fourth, publisher));
    assert_eq!(limiter.told("a")[0].buckets, 0);
    assert!(limiter.present().is_empty());
}

#[test]
fn at_once_is_counted_anew_where_it_is_told_apart_otherwise() {
    let now = Instant::now();
    let most = |per: &[&str]| source("a", vec![rule("most", "play", per, &[], Amount::AtOnce(2))]);
    let limiter = limiter(&[most(&["ip"])]);
    let both = [view(&limiter, "192.0.2.1", "cam", now).unwrap(), view(&limiter, "192.0.2.2", "cam", now).unwrap()];
    limiter.put(&[most(&["stream"])]);
    assert!(view(&limiter, "192.0.2.3", "cam", now).is_err());
    limiter.put(&[source("a", vec![rule("most", "play", &["stream"], &[], rate(1.0, 1.0))])]);
    assert!(view(&limiter, "192.0.2.3", "cam", now).is_ok());
    limiter.put(&[most(&["stream"])]);
    assert!(view(&limiter, "192.0.2.3", "cam", now).is_err());
    drop(both);
    assert!(view(&limiter, "192.0.2.3", "cam", now).is_ok());
    assert_eq!(counts(&limiter, "a"), [("most".to_owned(), 4, 2)], "over all of it");
}

#[test]
fn requests_and_connections_are_there_until_their_tickets_are_gone() {
    let now = Instant::now();
    let limiter = limiter(&[source("a", vec![rule("open", "connection", &["ip"], &[], Amount::AtOnce(1))])]);
    let item = Item::connection("192.0.2.1".parse().unwrap());
    let tickets = limiter.pass(Measure::Connection, &item, now).unwrap();
    let limited = limiter.pass(Measure::Connection, &item, now).unwrap_err();
    assert!(limited.at_once && limited.to_string().contains("too many connections at once; try again in 10 s"));
    drop(tickets);
    assert!(limiter.pass(Measure::Connection, &item, now).is_ok());
}

#[test]
fn publishers_share_the_pace_of_their_bucket() {
    let start = Instant::now();
    let limiter = limiter(&[
        source("a", vec![rule("subject", "ingest-kbit", &["subject"], &[], rate(1_000.0, 3_000.0))]),
        source("b", vec![rule("node", "ingest-kbit", &[], &[("stream", "live/*")], rate(10_000.0, 10_000.0))]),
    ]);
    let facts = facts(Action::Publish, "192.0.2.1", "key");
    let sending = |subject, stream, kilobits| Sending {
        facts: &facts,
        subject: Some(subject),
        tags: BTreeMap::new(),
        stream,
        kilobits,
    };
    let look = |second: u64, list: &[Sending<'_>]| -> Vec<Option<(u32, bool, String)>> {
        let answers = limiter.ingest(list, start + Duration::from_secs(second));
        answers.into_iter().map(|one| one.map(|one| (one.kbps, one.spent, one.rule().to_owned()))).collect()
    };
    let told = |kbps, spent| Some((kbps, spent, "subject".to_owned()));
    let both =
        [sending("alice", "live/a", 1_500.0), sending("alice", "live/b", 500.0), sending("bob", "live/c", 900.0)];
    assert_eq!(look(0, &both), [told(500, false), told(500, false), told(1_000, false)]);
    assert_eq!(look(1, &both), [told(500, false), told(500, false), told(1_000, false)]);
    assert_eq!(look(2, &both), [told(500, true), told(500, true), told(1_000, false)], "the burst is used up");
    let quiet = [sending("alice", "live/a", 400.0)];
    assert_eq!(look(3, &quiet), [told(1_000, false)]);
    let rules = limiter.told("a");
    assert_eq!((rules[0].refused, rules[0].allowed), (0, 9_100));
}
