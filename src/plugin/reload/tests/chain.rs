//! How sessions are decided by plugins in service, and by those that fail.

use super::*;
use crate::plugin::decision::Selection;
use crate::plugin::hook::Hook;
use crate::plugin::question::Whither;

#[tokio::test(start_paused = true)]
async fn the_first_in_order_that_decides_decides() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow").await;
    world.put("b.wasm", "auth").await;
    world.put("c.wasm", "auth deny").await;
    world.put("d.wasm", "ticks").await;
    let rows = [
        ("c", "phase = \"late\"", "abc", "allow", 1),
        ("b", "priority = 1", "bac", "allow", 2),
        ("c", "priority = 2", "cba", "deny 403", 1),
        ("a", "phase = \"early\"", "acb", "allow", 1),
        ("a", "[match]\nprotocol = [\"hls\"]", "cba", "deny 403", 1),
        ("c", "[match]\nstream = [\"!live/*\"]", "bac", "abstain", 1),
    ];
    for (plugin, manifest, order, said, steps) in rows {
        world.put(&format!("{plugin}.toml"), manifest).await;
        let names: String = world.board.read().chain.names(Hook::Auth).map(|name| &**name).collect();
        assert_eq!(names, order, "{plugin}: {manifest}");
        let place = |name: &str| world.status(name).order.map(|place| place.to_string()).unwrap_or_default();
        let places: Vec<String> = ["a", "b", "c", "d"].into_iter().map(place).collect();
        let expected =
            ["a", "b", "c", "d"].map(|name| order.find(name).map_or(String::new(), |at| (at + 1).to_string()));
        assert_eq!(places, expected, "{plugin}: {manifest}");
        let decided = world.ask("s-1").await;
        assert_eq!((word(&decided.answer).as_str(), decided.steps.len()), (said, steps), "{plugin}: {manifest}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_what_its_policy_says() {
    let world = World::new().await;
    let rows = [
        ("auth trap", "", "deny 503", "closed", "trap `unreachable`"),
        ("auth trap", "trap = \"open\"", "abstain", "open", "trap `unreachable`"),
        ("auth trap", "error = \"open\"", "deny 503", "closed", "trap `unreachable`"),
        ("auth moody", "error = \"open\"", "abstain", "open", "no mood"),
        ("auth moody", "error = \"last-good\"", "deny 503", "closed", "no mood"),
    ];
    for (file, policy, said, outcome, error) in rows {
        world.write("a.toml", &format!("[failure]\n{policy}"));
        world.put("a.wasm", file).await;
        let decided = world.ask("s-1").await;
        let step = &decided.steps[0];
        assert_eq!((word(&decided.answer).as_str(), step.outcome), (said, outcome), "{file} {policy}");
        assert_eq!(step.error.as_deref(), Some(error));
    }
    let status = world.status("a");
    assert_eq!((status.calls, status.errors["trap"], status.errors["error"]), (5, 3, 2));
    let Answer::Deny(denial) = world.ask("s-1").await.answer else { panic!("not refused") };
    assert!(!denial.reason.contains("mood") && denial.retry_after.is_some());
}

#[tokio::test(start_paused = true)]
async fn each_hook_is_put_to_those_who_have_it_and_a_router_that_fails_is_open() {
    let world = World::new().await;
    world.write("b.toml", "[config]\nsubject = \"live/canary\"\n[match]\nstream = [\"live/*\"]");
    world.put("a.wasm", "auth deny").await;
    world.put("b.wasm", "router allow").await;
    let routes = || async { world.board.read().chain.ask(&Whither, &Arc::new(facts("s-1"))).await };
    assert_eq!(world.says().await, "deny 403");
    let decided = routes().await;
    let Answer::Allow(route) = &decided.answer else { panic!("{decided:?}") };
    assert_eq!(route.stream_name.as_ref().unwrap().as_str(), "live/canary");
    assert_eq!((decided.steps.len(), decided.steps[0].outcome, decided.steps[0].hook), (1, "route", Hook::Router));
    let rows = [
        ("router allow", "[config]\nsubject = \"other\"", "open", "is not in match.stream"),
        ("router trap", "", "open", "trap `unreachable`"),
        ("router trap", "[failure]\ntrap = \"last-good\"", "open", "trap `unreachable`"),
        ("router trap", "[failure]\ntrap = \"closed\"", "closed", "trap `unreachable`"),
        ("auth router trap", "hooks = [\"router\"]", "open", "trap `unreachable`"),
    ];
    for (file, manifest, outcome, error) in rows {
        let (top, rest) = if manifest.starts_with("hooks") { (manifest, "") } else { ("", manifest) };
        world.write("b.toml", &format!("{top}\n{rest}\n[match]\nstream = [\"live/*\"]"));
        world.put("b.wasm", file).await;
        let decided = routes().await;
        assert_eq!(decided.steps[0].outcome, outcome, "{file} {manifest}");
        assert!(decided.steps[0].error.as_ref().unwrap().contains(error), "{decided:?}");
        assert_eq!(matches!(decided.answer, Answer::Deny(_)), outcome == "closed");
        assert_eq!(world.says().await, "deny 403", "the other hook is not its business");
    }
    let mut text = String::new();
    crate::plugin::exposition::render(&world.board.read().plugins, &mut text);
    assert!(text.contains("wasmcast_plugins_calls_total{plugin=\"b\",hook=\"router/routing\"}"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_runs_keeps_its_last_answer_where_the_manifest_says_so() {
    let world = World::new().await;
    world.write("a.toml", "[failure]\nerror = \"last-good\"\n[config]\nsubject = \"alice\"");
    world.put("a.wasm", "auth allow moody").await;
    let asked = |id: &str, token: Option<&str>, age: u64| {
        let token = token.map(str::to_owned);
        world.ask_about(Facts { token, age: Duration::from_secs(age), ..facts(id) })
    };
    let rows = [
        ("s-1", Some("t"), 0, "allow alice", "allow"),
        ("s-1", None, 60, "allow alice", "last-good"),
        ("s-2", None, 60, "deny 503", "closed"),
        ("s-1", None, 0, "deny 503", "closed"),
    ];
    for (id, token, age, said, outcome) in rows {
        let decided = asked(id, token, age).await;
        assert_eq!((word(&decided.answer).as_str(), decided.steps[0].outcome), (said, outcome), "{id} {age}");
    }
    world.put("a.wasm", "auth moody").await;
    assert_eq!(word(&asked("s-1", None, 60).await.answer), "allow alice", "over a swap too");
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_keeps_failing_is_stopped_restarted_and_works_again() {
    let world = World::new().await;
    world.put("a.wasm", "auth trap").await;
    for _ in 0..10 {
        assert_eq!(world.says().await, "deny 503");
    }
    assert_eq!(world.stands("a"), "stopped 1 directory");
    assert_eq!(
        world.told("a"),
        "keeps failing and is stopped; its failure policy answers most calls; it is restarted in 1 s"
    );
    let lines = world.services.log_tail("a", 0);
    let expected = "auth/check: trap `unreachable`, session s-1 (whep play live/cam1); answered `closed` (failure.trap); it \
                    fails with 1 of the last 1 client networks";
    assert_eq!(lines[1].message, expected);
    assert_eq!(lines.len(), 4, "a plugin that fails often does not fill the log: {lines:?}");
    assert_eq!(world.says().await, "deny 503");
    assert_eq!((world.status("a").calls, world.status("a").answered_by_policy), (10, 1));
    world.pass(1).await;
    assert_eq!((world.stands("a").as_str(), world.status("a").restarts), ("recovering 2 directory", 1));
    assert_eq!(world.says().await, "deny 503");
    assert_eq!(world.stands("a"), "stopped 2 directory");
    world.told.healed.store(1, Ordering::Relaxed);
    world.pass(2).await;
    for _ in 0..3 {
        assert_eq!(world.says().await, "allow");
    }
    assert_eq!((world.stands("a").as_str(), world.status("a").restarts), ("active 3 directory", 2));
    assert_eq!(world.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_fails_for_ever_is_quarantined_until_somebody_acts() {
    let world = World::new().await;
    world.put("a.wasm", "auth trap").await;
    let everybody = || async {
        for last in 0..10 {
            world.ask_about(Facts { remote_ip: [192, 0, 2, last].into(), ..facts("s-1") }).await;
        }
    };
    everybody().await;
    for _ in 0..8 {
        world.pass(61).await;
        everybody().await;
    }
    assert_eq!(world.stands("a"), "quarantined 9 directory");
    world.pass(3_600).await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("quarantined 9 directory", "deny 503"));
    world.put("a.wasm", "auth trap").await;
    assert_eq!(world.stands("a"), "quarantined 9 directory", "the same file is no new version");
    world.told.healed.store(1, Ordering::Relaxed);
    world.command("a", Wish::Enable).await.unwrap();
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 10 directory", "allow"));
}

#[tokio::test(start_paused = true)]
async fn one_client_with_an_input_that_fails_closes_the_door_for_nobody_else() {
    let world = World::new().await;
    world.put("a.wasm", "auth allow moody").await;
    for _ in 0..1_000 {
        world.ask_about(Facts { remote_ip: [192, 0, 2, 66].into(), token: None, ..facts("s-bad") }).await;
        let good = world.ask_about(Facts { token: Some("t".to_owned()), ..facts("s-good") }).await;
        assert_eq!(word(&good.answer), "allow");
        tokio::time::advance(Duration::from_millis(200)).await;
    }
    assert_eq!(world.stands("a"), "active 1 directory");
    assert!(world.status("a").errors["error"] <= 10 + 200, "{:?}", world.status("a").errors);
}

#[tokio::test(start_paused = true)]
async fn a_new_version_brings_a_stopped_plugin_back() {
    let world = World::new().await;
    world.put("a.wasm", "auth trap").await;
    for _ in 0..10 {
        world.says().await;
    }
    world.put("a.wasm", "auth allow").await;
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 2 directory", "allow"));
    world.pass(60).await;
    assert_eq!(world.stands("a"), "active 2 directory");
}

#[tokio::test(start_paused = true)]
async fn revocations_and_ticks_come_from_what_is_in_service() {
    let world = World::new().await;
    let mut revocations = world.board.revocations.subscribe();
    world.put("a.wasm", "auth revokes ticks").await;
    world.pass(1).await;
    let revocation = revocations.try_recv().unwrap();
    assert_eq!((&*revocation.plugin, revocation.selection), ("a", Selection::Subject("mallory".to_owned())));
    assert!(revocation.rules.matches(&facts("s-1")));
    world.pass(9).await;
    assert_eq!((world.told.ticks.load(Ordering::Relaxed), world.status("a").upkeep_errors), (2, 2));
    world.put("a.wasm", "auth").await;
    while revocations.try_recv().is_ok() {}
    world.pass(60).await;
    assert!(revocations.try_recv().is_err());
    assert_eq!(world.told.ticks.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn status_and_metrics_tell_what_runs() {
    let world = World::new().await;
    world.write("a.toml", "[grants]\nkv = {}\n[config]\nsubject = \"x\"");
    world.put("a.wasm", "auth allow kv").await;
    world.says().await;
    let status = serde_json::to_value(world.status("a")).unwrap();
    let rows = [
        ("/state", "\"active\""),
        ("/generation", "1"),
        ("/hooks", "[\"auth/check\"]"),
        ("/grants", "{\"granted\":[\"kv\"],\"refused\":[],\"used\":[\"kv\"]}"),
        ("/calls", "1"),
        ("/errors", "{\"deadline\":0,\"error\":0,\"saturated\":0,\"trap\":0}"),
        ("/instances", "{\"idle\":1,\"limit\":8,\"made\":2}"),
        ("/memory_bytes", "1024"),
        ("/last_error", "null"),
        ("/config", "{\"keys\":1,\"secrets\":[]}"),
    ];
    for (path, expected) in rows {
        assert_eq!(status.pointer(path).unwrap().to_string(), expected, "{path}");
    }
    assert!(status["p50_us"].is_number() && status["digest"].as_str().unwrap().len() == 64);

    let mut text = String::new();
    crate::plugin::exposition::render(&world.board.read().plugins, &mut text);
    for expected in [
        "wasmcast_plugins_in_service{plugin=\"a\"} 1\n",
        "wasmcast_plugins_calls_total{plugin=\"a\",hook=\"auth/check\"} 1\n",
        "wasmcast_plugins_failures_total{plugin=\"a\",class=\"trap\"} 0\n",
        "wasmcast_plugins_call_seconds_bucket{plugin=\"a\",hook=\"auth/check\",le=\"+Inf\"} 1\n",
        "wasmcast_plugins_reloads_total{plugin=\"a\",result=\"active\"} 1\n",
        "# TYPE wasmcast_plugins_call_seconds histogram\n",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}
