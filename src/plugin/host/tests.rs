//! What a guest can do with the interfaces, and what it can not.

use super::wit::types::Attribute;
use super::wit::{config, kv, log, metrics, notify, random, trace};
use super::{START, Services, Simulation};
use crate::plugin::facts::{Action, Facts};
use crate::plugin::guest::{Call, Context, Guest};
use crate::plugin::lane::Lane;
use crate::plugin::limits::{Budget, Cpu, Memory};
use crate::plugin::mask::Mask;
use crate::plugin::settings::{Grants, HttpGrant, KvGrant, Settings};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{Linker, Resource};

/// A guest of the plugin `geo`, generation 3.
pub(super) fn guest(services: Arc<Services>, grants: Grants) -> Guest {
    let config = Arc::new(serde_json::json!({ "token": "hush", "ttl": 600 }));
    let settings = Settings { config, grants, mask: Arc::new(Mask::new(["hush-hush"])), ..Settings::default() };
    let context = Context::new("geo".into(), 3, &settings, services);
    let memory = Memory::new(1 << 20, Budget::new(1 << 20), Arc::default());
    Guest::new(Arc::new(context), memory, Cpu::new(Arc::new(Lane::new(1))))
}

/// A guest without grants that is asked about a session.
fn asked(simulation: &Simulation) -> Guest {
    let mut guest = guest(simulation.services().clone(), Grants::default());
    let mut facts = Facts::new("s-1".into(), Action::Play, "whep", "192.0.2.1".parse().unwrap());
    facts.stream = "live/cam1".into();
    guest.call = Call { hook: "auth/check", facts: Some(Arc::new(facts)), ..Call::default() };
    guest
}

fn attributes(pairs: &[(&str, &str)]) -> Vec<Attribute> {
    pairs.iter().map(|(key, value)| Attribute { key: (*key).into(), value: (*value).into() }).collect()
}

fn rendered(services: &Services) -> String {
    let mut text = String::new();
    services.render_metrics(&mut text);
    text
}

#[test]
fn interfaces_are_linked_as_granted() {
    let engine = crate::plugin::engine::throwaway().unwrap();
    let kv = KvGrant { space: "geo".into(), max_bytes: 1 };
    let http = HttpGrant {
        origin: "https://id.example".into(),
        timeout: Duration::from_secs(1),
        max_bytes: 1,
        private: false,
        headers: Vec::new(),
    };
    let nobody = Grants { kv: None, http: Some(Vec::new()) };
    for grants in [Grants::default(), nobody, Grants { kv: Some(kv), http: Some(vec![http]) }] {
        let mut linker = Linker::new(&engine);
        super::link(&mut linker, &grants).unwrap();
        let rows =
            [("log", "enabled", true), ("kv", "get", grants.kv.is_some()), ("http", "send", grants.http.is_some())];
        for (interface, function, offered) in rows {
            let mut instance = linker.instance(&format!("wasmcast:host/{interface}@0.1.0")).unwrap();
            // What is there can not be defined again.
            let again = instance.func_wrap(function, |_, (): ()| Ok(()));
            assert_eq!(again.is_err(), offered, "{interface}");
        }
    }
}

#[test]
fn a_line_says_where_it_comes_from() {
    let simulation = Simulation::new(1, START);
    let mut guest = asked(&simulation);
    log::Host::write(&mut guest, log::Level::Warn, "x".repeat(10_000), attributes(&[("n", "1"), ("n", "2")]));
    let lines = simulation.services().log_tail("geo", 0);
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!((line.number, line.generation, line.hook, line.level), (1, 3, "auth/check", "warn"));
    assert_eq!((line.session.as_deref(), line.unix_ms), (Some("s-1"), START / 1_000_000));
    assert_eq!((line.message.len(), &line.fields[..]), (4_096, &[("n".to_owned(), "2".to_owned())][..]));
    assert_eq!(simulation.services().log_tail("other", 0), []);
}

#[test]
fn what_a_plugin_says_holds_no_secret_of_its_manifest() {
    let simulation = Simulation::new(1, START);
    let mut notes = simulation.services().notes();
    let mut guest = asked(&simulation);
    let said = || attributes(&[("key", "is hush-hush")]);
    log::Host::write(&mut guest, log::Level::Error, "panicked at a.rs:1:1:\nhush-hush".into(), said());
    notify::Host::emit(&mut guest, "hush-hush".into(), said());
    let asked = metrics::HostCounter::new(&mut guest, "asked".into(), said());
    metrics::HostCounter::add(&mut guest, asked, 1);
    let line = format!("{:?}", simulation.services().log_tail("geo", 0));
    let (note, panic) = (format!("{:?}", notes.try_recv().unwrap()), guest.call.panic.clone().unwrap());
    for text in [line, note, panic, rendered(simulation.services())] {
        assert!(text.contains("***") && !text.contains("hush-hush"), "{text}");
    }
}

#[test]
fn a_flood_of_lines_is_dropped_and_told_over_all_instances() {
    let simulation = Simulation::new(1, START);
    let mut guests = [asked(&simulation), asked(&simulation)];
    for number in 0..500 {
        for guest in &mut guests {
            log::Host::write(guest, log::Level::Info, number.to_string(), Vec::new());
        }
    }
    simulation.advance(Duration::from_secs(1));
    let lines = simulation.services().log_tail("geo", 0);
    let told: Vec<_> = lines.iter().filter(|line| line.level == "warn").map(|line| &*line.message).collect();
    assert_eq!(lines.len(), 102);
    assert_eq!(
        told,
        [
            "1 log entries dropped: a plugin may write 100 a second",
            "899 log entries dropped: a plugin may write 100 a second",
        ]
    );
    let text = rendered(simulation.services());
    assert!(text.contains("wasmcast_plugins_dropped_total{plugin=\"geo\",kind=\"log\"} 900\n"), "{text}");
}

#[test]
fn handles_that_can_not_be_made_count_nowhere() {
    let simulation = Simulation::new(1, START);
    let mut guest = asked(&simulation);
    let good = metrics::HostCounter::new(&mut guest, "logins".into(), attributes(&[("plan", "free")]));
    metrics::HostCounter::add(&mut guest, Resource::new_borrow(good.rep()), 2);
    let bad = [
        metrics::HostCounter::new(&mut guest, "No Name".into(), Vec::new()),
        metrics::HostCounter::new(&mut guest, "logins".into(), attributes(&[("plugin", "other")])),
    ];
    for counter in bad {
        metrics::HostCounter::add(&mut guest, Resource::new_borrow(counter.rep()), 1_000);
        metrics::HostCounter::drop(&mut guest, counter).unwrap();
    }
    let gauge = metrics::HostGauge::new(&mut guest, "logins".into(), Vec::new());
    metrics::HostGauge::set(&mut guest, gauge, 5.0);
    let gauge = metrics::HostGauge::new(&mut guest, "heat".into(), Vec::new());
    metrics::HostGauge::set(&mut guest, Resource::new_borrow(gauge.rep()), 20.5);
    metrics::HostGauge::set(&mut guest, gauge, f64::NAN);
    // A million of them, never given back.
    for _ in 0..1_000_000 / 100 {
        let counter = metrics::HostCounter::new(&mut guest, "logins".into(), attributes(&[("plan", "free")]));
        metrics::HostCounter::add(&mut guest, counter, 0);
    }
    let none = metrics::HostHistogram::new(&mut guest, "wait".into(), Vec::new(), Vec::new());
    metrics::HostHistogram::observe(&mut guest, Resource::new_borrow(none.rep()), 1.0);
    metrics::HostHistogram::drop(&mut guest, none).unwrap();
    let text = rendered(simulation.services());
    let of = "plugin=\"geo\",generation=\"3\",hook=\"auth/check\"";
    for line in [format!("logins_total{{{of},plan=\"free\"}} 2"), format!("heat{{{of}}} 20.5")] {
        assert!(text.contains(&format!("wasmcast_plugin_{line}\n")), "{line} is missing in {text}");
    }
    let warnings: Vec<_> = simulation.services().log_tail("geo", 0).iter().map(|line| line.message.clone()).collect();
    assert_eq!(warnings.len(), 3, "each misuse is told once: {warnings:?}");
    assert!(warnings[0].starts_with("metric `No Name` counts nowhere: a name is"), "{}", warnings[0]);
    simulation.services().forget("geo");
    assert!(!rendered(simulation.services()).contains("geo"));
}

#[test]
fn a_metric_says_in_the_calls_of_which_hook_it_was_counted() {
    let simulation = Simulation::new(1, START);
    let mut guest = asked(&simulation);
    guest.call.hook = "lifecycle/init";
    let seen = metrics::HostCounter::new(&mut guest, "seen".into(), Vec::new());
    for hook in ["auth/check", "router/routing", "lifecycle/tick", "auth/check", "lifecycle/init", "", "auth/revoke"] {
        guest.call.hook = hook;
        metrics::HostCounter::add(&mut guest, Resource::new_borrow(seen.rep()), 1);
    }
    let text = rendered(simulation.services());
    let counted: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("wasmcast_plugin_seen_total")).collect();
    let rows = [("auth/check", 2), ("auth/revoke", 1), ("lifecycle", 3), ("router/routing", 1)];
    let expected = rows.map(|(hook, total)| format!("{{plugin=\"geo\",generation=\"3\",hook=\"{hook}\"}} {total}"));
    assert_eq!(counted, expected, "{text}");
    drop(guest);
    assert!(!rendered(simulation.services()).contains("seen"), "they go with the generation");
}

#[test]
fn spans_end_with_their_call_and_are_bounded() {
    let simulation = Simulation::new(1, START);
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(std::io::sink).finish();
    tracing::subscriber::with_default(subscriber, || {
        let mut guest = asked(&simulation);
        let span = trace::HostSpan::new(&mut guest, "look-up".into());
        for number in 0..100 {
            trace::Host::annotate(&mut guest, number.to_string(), String::new());
            trace::HostSpan::annotate(&mut guest, Resource::new_borrow(span.rep()), number.to_string(), String::new());
        }
        assert_eq!(guest.call.annotations, 32);
        let others: Vec<_> = (0..50).map(|_| trace::HostSpan::new(&mut guest, "more".into())).collect();
        guest.call = Call::default();
        trace::HostSpan::annotate(&mut guest, Resource::new_borrow(span.rep()), "late".into(), String::new());
        trace::HostSpan::drop(&mut guest, span).unwrap();
        for other in others {
            trace::HostSpan::drop(&mut guest, other).unwrap();
        }
        trace::HostSpan::drop(&mut guest, Resource::new_own(12_345)).unwrap();
    });
    // 32 annotations and 32 spans: within the rate of 100 a second.
    assert!(rendered(simulation.services()).contains("kind=\"trace\"} 0\n"));
}

#[test]
fn events_are_named_after_their_plugin_and_bounded() {
    let simulation = Simulation::new(1, START);
    let mut notes = simulation.services().notes();
    let mut guest = asked(&simulation);
    for _ in 0..50 {
        notify::Host::emit(&mut guest, "blocked".into(), attributes(&[("by", "rule 7")]));
    }
    let note = notes.try_recv().unwrap();
    assert_eq!((&*note.kind, &*note.plugin, note.generation), ("plugin.geo.blocked", "geo", 3));
    assert_eq!((note.session.as_deref(), note.stream.as_deref()), (Some("s-1"), Some("live/cam1")));
    assert_eq!(std::iter::from_fn(|| notes.try_recv().ok()).count(), 9);
}

#[test]
fn keys_and_values_need_a_grant_and_fit_their_bounds() {
    let simulation = Simulation::new(1, START);
    let mut guest = asked(&simulation);
    assert_eq!(kv::Host::get(&mut guest, "k".into()).unwrap_err().code, "denied");
    let grants = Grants { kv: Some(KvGrant { space: "shared".into(), max_bytes: 100 << 10 }), http: None };
    let mut guest = self::guest(simulation.services().clone(), grants);
    let put = |guest: &mut Guest, key: String, length: usize| {
        kv::Host::put(guest, key, vec![b'x'; length], None).map_err(|error| error.code)
    };
    let rows = [
        (1, 64 << 10, Ok(())),
        (512, 0, Ok(())),
        (0, 0, Err("invalid")),
        (513, 0, Err("invalid")),
        (2, (64 << 10) + 1, Err("too-large")),
        (2, 64 << 10, Err("quota")),
    ];
    for (key, length, expected) in rows {
        assert_eq!(put(&mut guest, "k".repeat(key), length), expected.map_err(str::to_owned), "{key} {length}");
    }
    assert_eq!(kv::Host::increment(&mut guest, "k".into(), 1, None).unwrap_err().code, "invalid");
    assert_eq!(kv::Host::increment(&mut guest, "n".into(), 1, Some(1_000)).unwrap(), 1);
    assert!(
        kv::Host::compare_and_set(&mut guest, "n".into(), Some(b"1".to_vec()), b"7".to_vec(), Some(1_000)).unwrap()
    );
    assert_eq!(simulation.value("shared", "n").unwrap(), b"7");
    simulation.advance(Duration::from_secs(1));
    assert_eq!(kv::Host::get(&mut guest, "n".into()).unwrap(), None);
    kv::Host::remove(&mut guest, "k".into()).unwrap();
    assert_eq!(simulation.entries("shared").len(), 1);
    simulation.put("shared", "theirs", b"1".to_vec());
    assert_eq!(kv::Host::get(&mut guest, "theirs".into()).unwrap().unwrap(), b"1");
}

#[test]
fn random_bytes_and_the_configuration() {
    let bytes = |seed: u64| {
        let mut guest = asked(&Simulation::new(seed, START));
        [0, 1, 4_096, u32::MAX].map(|count| random::Host::next_bytes(&mut guest, count))
    };
    assert_eq!(bytes(5), bytes(5));
    assert_ne!(bytes(5), bytes(6));
    assert_eq!(bytes(5).map(|bytes| bytes.len()), [0, 1, 4_096, 4_096]);
    let mut guest = asked(&Simulation::new(1, START));
    assert_eq!(config::Host::json(&mut guest), r#"{"token":"hush","ttl":600}"#);
    assert_eq!(config::Host::value(&mut guest, "ttl".into()).as_deref(), Some("600"));
}
