//! Real components in the real host: what callers get from good and from bad ones.

use super::*;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const TRAP: &[u8] = include_bytes!("../../tests/data/plugins/trap.wasm");
const TOKEN: &[u8] = include_bytes!("../../tests/data/plugins/auth-token.wasm");

/// A host with a cache of its own, removed at the end.
struct Host {
    runtime: Runtime,
    dir: PathBuf,
}

impl Host {
    fn new(memory: usize, instances: Option<u32>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wasmcast-host-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        let options = RuntimeOptions { cache_dir: dir.clone(), compiler: None, memory, instances };
        Host { runtime: Runtime::new(&options, host::Services::new()).unwrap(), dir }
    }

    async fn generation(&self, bytes: &[u8], settings: &Settings) -> Result<Generation, PrepareError> {
        let artifact = self.runtime.load(bytes.into()).await.unwrap();
        self.runtime.prepare(&"test".into(), 1, &artifact, settings, None).await
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn facts(stream: &str, token: Option<&str>) -> Arc<Facts> {
    let ip = "192.0.2.1".parse().unwrap();
    let mut facts = Facts::new("s-1".to_owned(), Action::Play, "whep", ip);
    facts.stream = stream.to_owned();
    facts.token = token.map(str::to_owned);
    Arc::new(facts)
}

fn settings(config: serde_json::Value) -> Settings {
    Settings { config: Arc::new(config), ..Settings::default() }
}

#[tokio::test]
async fn an_auth_plugin_decides() {
    let host = Host::new(256 << 20, Some(64));
    let settings = settings(json!({ "token": "secret", "plan": "gold" }));
    let generation = host.generation(TOKEN, &settings).await.unwrap();
    assert!(generation.has_auth() && !generation.has_revoke());
    assert_eq!(generation.authorize(&facts("a", None)).await, Ok(Answer::Abstain));
    let Ok(Answer::Deny(denial)) = generation.authorize(&facts("a", Some("wrong"))).await else { panic!() };
    assert_eq!((denial.status, denial.reason.as_str()), (401, "This link is not valid."));
    let Ok(Answer::Allow(grant)) = generation.authorize(&facts("a", Some("secret"))).await else { panic!() };
    assert_eq!(grant.subject.as_deref(), Some("alice"));
    assert_eq!((grant.ttl, grant.max_bitrate_kbps), (Some(Duration::from_secs(600)), Some(4_000)));
    assert_eq!(grant.tags["plan"], "gold");
    assert_eq!(generation.made(), 1, "one warm instance served all calls");
    assert!(generation.memory() > 0);
    generation.retire(Duration::from_secs(1)).await;
    assert_eq!((host.runtime.live().count(), host.runtime.memory()), (0, 0));
}

#[tokio::test]
async fn a_bad_configuration_keeps_a_generation_out() {
    let host = Host::new(256 << 20, Some(64));
    for (config, expected) in [(json!({}), "token"), (json!({ "token": "x", "tokn": 1 }), "tokn")] {
        let error = host.generation(TOKEN, &settings(config)).await.err().unwrap().to_string();
        assert!(error.starts_with("it does not begin") && error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn each_way_to_fail_is_named_and_the_next_call_is_served() {
    let host = Host::new(256 << 20, Some(64));
    let mut settings = Settings::default();
    // Enough to touch all of the memory on a busy machine.
    settings.limits.cpu = Duration::from_millis(300);
    settings.limits.wall = Duration::from_secs(30);
    let generation = host.generation(TRAP, &settings).await.unwrap();
    let rows = [
        ("panic", "trap", "trap `index out of bounds: the len is 3 but the index is 3` in"),
        ("unreachable", "trap", "the guest said so"),
        ("loop", "deadline", "300 ms of CPU"),
        ("recurse", "trap", "trap::recurse"),
        ("memory", "trap", "memory-mib = 32"),
        ("error", "error", "the guest does not want to"),
    ];
    for (stream, class, expected) in rows {
        let fault = generation.authorize(&facts(stream, None)).await.unwrap_err();
        assert_eq!(fault.class().name(), class, "{stream}: {fault}");
        assert!(fault.to_string().contains(expected), "{stream}: {fault}");
        let Ok(Answer::Allow(grant)) = generation.authorize(&facts("fine", None)).await else {
            panic!("after {stream}")
        };
        assert_eq!(grant.subject.as_deref(), Some("anybody"));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_spinning_guest_leaves_its_thread_to_others() {
    let host = Host::new(256 << 20, Some(64));
    let mut settings = Settings::default();
    settings.limits.cpu = Duration::from_millis(50);
    settings.limits.wall = Duration::from_secs(30);
    let generation = host.generation(TRAP, &settings).await.unwrap();
    let turns = AtomicU32::new(0);
    let spinning = facts("loop", None);
    let call = generation.authorize(&spinning);
    let others = async {
        loop {
            turns.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = call => assert_eq!(result.unwrap_err().class(), FaultClass::Deadline),
        () = others => unreachable!(),
    }
    assert!(turns.load(Ordering::Relaxed) >= 20, "{turns:?}");
}

#[tokio::test]
async fn more_instances_than_there_is_room_for_are_refused_in_words() {
    let host = Host::new(256 << 20, Some(2));
    let first = host.generation(TRAP, &Settings::default()).await.unwrap();
    let _second = host.generation(TRAP, &Settings::default()).await.unwrap();
    let error = host.generation(TRAP, &Settings::default()).await.err().unwrap().to_string();
    assert!(error.contains("room for 2 live plugin instances"), "{error}");
    assert!(matches!(first.authorize(&facts("fine", None)).await, Ok(Answer::Allow(_))));
}

#[tokio::test]
async fn an_instance_that_begins_with_more_memory_than_it_may_have_is_told_the_key() {
    let host = Host::new(256 << 20, Some(64));
    let mut settings = settings(json!({}));
    settings.limits.memory = 1 << 20;
    let error = host.generation(TRAP, &settings).await.err().unwrap().to_string();
    assert!(error.contains("(limits.memory-mib = 1; it has to be raised)"), "{error}");
}

#[tokio::test]
async fn memory_of_all_plugins_together_is_bounded() {
    let host = Host::new(3 << 20, Some(64));
    let mut kept = Vec::new();
    let error = loop {
        match host.generation(TRAP, &Settings::default()).await {
            Ok(generation) => kept.push(generation),
            Err(error) => break error.to_string(),
        }
        assert!(kept.len() < 20);
    };
    assert!(error.contains("memory"), "{error}");
    kept.pop();
    assert!(host.generation(TRAP, &Settings::default()).await.is_ok(), "what is dropped is given back");
}

#[tokio::test]
async fn a_second_load_comes_from_the_cache() {
    let host = Host::new(256 << 20, Some(64));
    let first = host.runtime.load(TOKEN.into()).await.unwrap();
    let second = host.runtime.load(TOKEN.into()).await.unwrap();
    assert_eq!((first.cached, second.cached), (false, true));
    assert_eq!(first.inspection.hooks, ["auth/check", "lifecycle/init"]);
    assert_eq!(first.inspection.label.name.as_deref(), Some("auth-token"));
}

#[tokio::test]
async fn a_core_module_with_its_component_type_is_as_good_as_a_component() {
    let host = Host::new(256 << 20, Some(64));
    let module = include_bytes!("../../tests/data/plugins/trap.core.wasm");
    let artifact = host.runtime.load((&module[..]).into()).await.unwrap();
    assert!(artifact.inspection.core_module);
    assert_eq!(artifact.inspection.hooks, ["auth/check", "lifecycle/init"]);
    let generation = host.generation(module, &Settings::default()).await.unwrap();
    assert!(matches!(generation.authorize(&facts("fine", None)).await, Ok(Answer::Allow(_))));
}

#[tokio::test]
async fn calls_beyond_the_queue_are_refused() {
    let host = Host::new(256 << 20, Some(64));
    let mut settings = Settings { instances: 1, ..Settings::default() };
    settings.limits.queue = 2;
    settings.limits.queue_wait = Duration::from_secs(30);
    settings.limits.cpu = Duration::from_millis(100);
    settings.limits.wall = Duration::from_secs(30);
    let generation = host.generation(TRAP, &settings).await.unwrap();
    let spinning = facts("loop", None);
    let fine = facts("fine", None);
    let calls = [&spinning, &fine, &fine, &fine].map(|facts| generation.authorize(facts));
    let results = futures_util::future::join_all(calls).await;
    let classes: Vec<_> =
        results.iter().map(|result| result.as_ref().err().map(|fault| fault.class().name())).collect();
    assert_eq!(classes, [Some("deadline"), None, None, Some("saturated")]);
}

#[tokio::test]
async fn an_instance_serves_whom_isolation_says() {
    let host = Host::new(256 << 20, Some(64));
    for (isolation, made) in
        [(Isolation::Plugin, 1), (Isolation::Call, 7), (Isolation::Stream, 2), (Isolation::Session, 1)]
    {
        let settings = Settings { isolation, ..Settings::default() };
        let generation = host.generation(TRAP, &settings).await.unwrap();
        for stream in ["a", "b", "a", "b", "a", "b"] {
            assert!(generation.authorize(&facts(stream, None)).await.is_ok());
        }
        assert_eq!(generation.made(), made, "{isolation:?}");
    }
}

#[tokio::test]
async fn thousands_of_instances_live_at_once() {
    let host = Host::new(8 << 30, None);
    let room = host.runtime.live().limit();
    let limit: usize = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
    // What Linux has where nobody changed it is enough.
    assert!(room >= 5_000 || limit < 65_530, "room for {room} instances in {limit} mappings");
    let wanted = room.min(5_000);
    let settings = Settings { isolation: Isolation::Session, ..Settings::default() };
    let mut generations = Vec::new();
    let mut number = 0;
    while host.runtime.live().count() < wanted {
        let generation = host.generation(TRAP, &settings).await.unwrap();
        // What one plugin keeps for its sessions is bounded; many plugins fill the machine.
        for _ in 0..(wanted - host.runtime.live().count() + 1).min(1_000) {
            let ip = "192.0.2.1".parse().unwrap();
            let session = Arc::new(Facts::new(format!("s-{number}"), Action::Play, "whep", ip));
            number += 1;
            assert!(matches!(generation.authorize(&session).await, Ok(Answer::Allow(_))), "session {number}");
        }
        generations.push(generation);
    }
    let mappings = std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    assert!(mappings < limit - limit / 10, "{mappings} mappings of {limit}");
    assert!(host.runtime.live().count() >= wanted && generations.len() >= wanted / 1_001);
}
