//! What a plugin decides, as clients and the operator see it; with a real component.

use super::super::Policy;
use super::fixture::{Fixture, ask, offer};
use crate::access;
use crate::observe::Events;
use crate::plugin::{Options, Plugins};
use crate::task::Tasks;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SDP: (&str, &str) = ("content-type", "application/sdp");
const RIGHT: (&str, &str) = ("authorization", "Bearer right-token");
const WRONG: (&str, &str) = ("authorization", "Bearer wrong-token");
const MARKED: (&str, &str) = ("x-wasmcast", "1");

/// A server with the plugin `auth-token`: it lets the right token in as `alice`, refuses others and abstains without one.
struct Site {
    base: PathBuf,
    tasks: Tasks,
    fixture: Fixture,
}

impl Site {
    async fn new(rules: access::Config, policy: Policy) -> Site {
        Site::matching(rules, policy, "").await
    }

    /// With this `[match]`.
    async fn matching(rules: access::Config, policy: Policy, matching: &str) -> Site {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let base = std::env::temp_dir().join(format!("wasmcast-http-{}-{number}", std::process::id()));
        let dir = base.join("plugins");
        std::fs::create_dir_all(&dir).unwrap();
        let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plugins/auth-token.wasm");
        std::fs::copy(guest, dir.join("auth-token.wasm")).unwrap();
        let manifest = format!("[match]\n{matching}\n[config]\ntoken = \"right-token\"\nttl_ms = 60000\n");
        std::fs::write(dir.join("auth-token.toml"), manifest).unwrap();
        let tasks = Tasks::new("test");
        let options = Options {
            dir,
            state_dir: base.join("state"),
            compiler: None,
            memory: 64 << 20,
            instances: Some(16),
            countries: true,
            events: Events::default(),
            trust: crate::plugin::Trust::default(),
        };
        let plugins = Plugins::start(options, &tasks).await.unwrap();
        Site { base, tasks, fixture: Fixture::with_plugins(rules, policy, plugins) }
    }

    async fn session(&self, headers: &[(&str, &str)]) -> Value {
        let created =
            ask(&self.fixture.public, "POST", "/whep/demo?rendition=auto", headers, &offer("chrome-whep")).await;
        assert_eq!(created.status, 201, "{created:?}");
        let id = created.header("location").strip_prefix("/session/").unwrap();
        ask(&self.fixture.admin, "GET", &format!("/api/v1/sessions/{id}"), &[], "").await.json()
    }

    async fn end(self) {
        self.tasks.stop(Duration::from_secs(10)).await.unwrap();
        let _ = std::fs::remove_dir_all(&self.base);
    }
}

/// Who was asked, and what came of it.
fn story(session: &Value) -> Vec<(String, String)> {
    let steps = session["decision"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    steps.map(|step| (text(&step["plugin"]), text(&step["outcome"]))).collect()
}

fn pair(plugin: &str, outcome: &str) -> (String, String) {
    (plugin.to_owned(), outcome.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn sessions_tell_who_let_them_in_and_denials_say_why() {
    let site = Site::new(access::Config::default(), Policy::default()).await;
    let publisher = site.fixture.publish("demo");
    let alice = site.session(&[SDP, RIGHT]).await;
    assert_eq!(story(&alice), [pair("auth-token", "allow")]);
    assert!(alice["decision"][0]["generation"].as_u64().unwrap() > 0);
    assert!(alice["decision"][0]["took_us"].as_f64().unwrap() > 0.0);
    assert_eq!((&alice["subject"], &alice["tags"]), (&json!("alice"), &json!({ "plan": "free" })));
    assert_eq!((&alice["ttl_ms"], &alice["times_asked"]), (&json!(60_000), &json!(1)));
    assert!(alice["asked_again_in_ms"].as_u64().unwrap() > 50_000);
    assert_eq!(alice["limits"]["max_bitrate_kbps"], 4_000);
    assert!(!alice.to_string().contains("right-token"));

    let nobody = site.session(&[SDP]).await;
    assert_eq!(story(&nobody), [pair("auth-token", "abstain"), pair("static rules", "allow")]);
    assert_eq!((&nobody["subject"], &nobody["ttl_ms"]), (&Value::Null, &Value::Null));

    let denied = ask(&site.fixture.public, "POST", "/whep/demo", &[SDP, WRONG], &offer("chrome-whep")).await;
    assert_eq!((denied.status.as_u16(), denied.problem().as_str()), (401, "unauthorized"));
    assert_eq!(denied.json()["detail"], "This link is not valid.");
    assert_eq!(denied.header("www-authenticate"), "Bearer realm=\"wasmcast\"");

    // Where a plugin decides, a list holds only what a rule says in so many words.
    let listed = ask(&site.fixture.public, "GET", "/streams", &[], "").await.json();
    assert_eq!(listed["streams"], json!([]));
    drop(publisher);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plugin_lets_others_use_the_api_and_never_locks_the_operator_out() {
    let token = "wct_admin-0123456789abcdefghjkmn";
    let policy = Policy { admin_token: Some(access::digest(token)), ..Policy::default() };
    let viewers = Site::new(access::Config::default(), policy.clone()).await;
    let answer = ask(&viewers.fixture.admin, "GET", "/api/v1/info", &[RIGHT], "").await;
    assert_eq!(answer.status, 401, "who lets viewers in does not open the API: {}", answer.body);
    viewers.end().await;
    let site = Site::matching(access::Config::default(), policy, "action = [\"admin\"]").await;
    let operator = format!("Bearer {token}");
    let rows: [(&str, &str, &[(&str, &str)], u16, &str); 6] = [
        ("GET", "/api/v1/info", &[RIGHT], 200, ""),
        ("GET", "/api/v1/info", &[WRONG], 401, "This link is not valid."),
        ("GET", "/api/v1/info", &[], 401, "admin.token"),
        ("GET", "/api/v1/info", &[("authorization", &operator)], 200, ""),
        ("DELETE", "/api/v1/sessions/x", &[RIGHT], 404, "session"),
        ("GET", "/healthz", &[WRONG], 200, ""),
    ];
    for (method, path, headers, status, detail) in rows {
        let answer = ask(&site.fixture.admin, method, path, headers, "").await;
        assert_eq!(answer.status, status, "{method} {path} {headers:?}");
        assert!(answer.body.contains(detail), "{}", answer.body);
    }
    let calls = || site.fixture.state.plugins.get("auth-token").unwrap().calls;
    let before = calls();
    for _ in 0..3 {
        assert_eq!(ask(&site.fixture.admin, "GET", "/api/v1/info", &[RIGHT], "").await.status, 200);
        assert_eq!(ask(&site.fixture.admin, "GET", "/healthz", &[], "").await.status, 200);
    }
    assert_eq!(calls(), before, "the same request is believed for a while");
    assert_eq!(ask(&site.fixture.admin, "GET", "/metrics", &[RIGHT], "").await.status, 200);
    assert_eq!(calls(), before + 1, "another path is another question");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_operator_sees_plugins_and_switches_them() {
    let site = Site::new(access::Config::default(), Policy::default()).await;
    let admin = &site.fixture.admin;
    let list = ask(admin, "GET", "/api/v1/plugins", &[], "").await.json();
    assert_eq!((&list[0]["name"], &list[0]["state"]), (&json!("auth-token"), &json!("active")));
    assert!(list[0]["hooks"].to_string().contains("auth/check"), "{list}");
    assert!(!list.to_string().contains("generation\":null"));
    let one = ask(admin, "GET", "/api/v1/plugins/auth-token", &[], "").await.json();
    assert_eq!(one["digest"], list[0]["digest"]);
    for (method, path) in [("GET", "/api/v1/plugins/none"), ("POST", "/api/v1/plugins/none/disable")] {
        let answer = ask(admin, method, path, &[MARKED], "").await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (404, "no-plugin"), "{path}");
    }
    let log = ask(admin, "GET", "/api/v1/plugins/auth-token/log", &[], "").await.json();
    let last = log.as_array().unwrap().last().unwrap();
    assert!(last["message"].as_str().unwrap().contains("in service"), "{log}");
    let after = format!("/api/v1/plugins/auth-token/log?after={}", last["number"]);
    assert_eq!(ask(admin, "GET", &after, &[], "").await.json(), json!([]));
    assert_eq!(ask(admin, "GET", "/api/v1/plugins/none/log", &[], "").await.problem(), "no-plugin");
    assert_eq!(ask(admin, "GET", &after.replace("after", "since"), &[], "").await.problem(), "malformed-query");
    let metrics = ask(admin, "GET", "/metrics", &[], "").await.body;
    assert!(
        metrics.contains("wasmcast_plugins_in_service{plugin=\"auth-token\"} 1") && metrics.ends_with("# EOF\n"),
        "{metrics}"
    );
    assert_eq!(metrics.matches("# EOF").count(), 1);

    assert_eq!(ask(admin, "POST", "/api/v1/plugins/auth-token/disable", &[], "").await.problem(), "header-missing");
    let off = ask(admin, "POST", "/api/v1/plugins/auth-token/disable", &[MARKED], "").await;
    assert_eq!(off.json()["state"], "disabled", "{off:?}");
    let publisher = site.fixture.publish("demo");
    assert_eq!(story(&site.session(&[SDP, WRONG]).await), [pair("static rules", "allow")]);
    let back = ask(admin, "POST", "/api/v1/plugins/auth-token/rollback", &[MARKED], "").await;
    assert_eq!(back.status, 409, "{back:?}");
    let on = ask(admin, "POST", "/api/v1/plugins/auth-token/enable", &[MARKED], "").await;
    assert_eq!(on.json()["state"], "active", "{on:?}");
    assert_eq!(story(&site.session(&[SDP, RIGHT]).await), [pair("auth-token", "allow")]);
    let rollout = |body: &'static str| async move {
        ask(admin, "POST", "/api/v1/plugins/auth-token/rollout", &[MARKED], body).await
    };
    for body in ["", "{\"mode\": \"off\"}", "{\"canary\": 7}", "{\"share\": 0.1}"] {
        assert_eq!(rollout(body).await.problem(), "malformed-body", "{body}");
    }
    let changed = rollout("{\"mode\": \"enforce\", \"canary\": 0.05}").await.json();
    assert_eq!(changed["rollout"], json!({ "mode": "enforce", "canary": 0.05, "probation_s": 60 }), "{changed}");
    let promoted = ask(admin, "POST", "/api/v1/plugins/auth-token/promote", &[MARKED], "").await;
    assert_eq!(promoted.problem(), "no-candidate", "{promoted:?}");
    let differences = "/api/v1/plugins/auth-token/differences";
    assert_eq!(ask(admin, "GET", differences, &[], "").await.json(), json!([]));
    assert_eq!(ask(admin, "GET", &differences.replace("auth-token", "none"), &[], "").await.problem(), "no-plugin");
    drop(publisher);
    site.end().await;
}
