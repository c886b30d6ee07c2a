//! Tests of manifests: what each key means, and what is said of what is wrong.

use super::*;
use crate::plugin::fault::FaultClass;
use crate::plugin::hook::Hook;
use crate::plugin::settings::{Isolation, Limits};
use std::time::Duration;

fn parse(text: &str) -> Result<Manifest, String> {
    Manifest::parse(text, "auth-tenants", "plugins/auth-tenants.toml").map_err(|error| error.to_string())
}

#[test]
fn an_empty_manifest_is_the_documented_default() {
    let manifest = Manifest::absent("geo");
    assert!(manifest.enabled && manifest.pin.is_none() && manifest.secret_files.is_empty());
    assert_eq!((manifest.phase, manifest.priority), (Phase::Normal, 0));
    assert_eq!(*manifest.matching, Matching::default());
    assert_eq!(manifest.settings, Settings::default());
    assert_eq!(manifest.settings.limits, Limits::default());
    let policies = [FaultClass::Load, FaultClass::Init, FaultClass::Trap, FaultClass::Saturated]
        .map(|class| manifest.failure.policy(Hook::Auth, class).name());
    assert_eq!(policies, ["last-good", "last-good", "closed", "closed"]);
    let calls = FaultClass::CALL.map(|class| manifest.failure.policy(Hook::Router, class).name());
    assert_eq!(calls, ["open"; 4], "where sessions go is no secret");
}

#[test]
fn a_plugin_that_may_wait_for_other_servers_has_more_instances() {
    let http = "[grants]\nhttp = [{ origin = \"https://id.example\" }]";
    let rows = [("", 8), (http, 64), ("[grants]\nhttp = []", 8), (&format!("instances = 3\n{http}"), 3)];
    for (text, instances) in rows {
        assert_eq!(parse(text).unwrap().settings.instances, instances, "{text}");
    }
}

#[test]
fn every_key_is_read() {
    let manifest = parse(
        r#"
        enabled = false
        hooks = ["auth"]
        phase = "early"
        priority = -5
        mode = "enforce"
        isolation = "call"
        instances = 3
        [match]
        action = ["play"]
        stream = ["live/**", "!live/test/*"]
        protocol = ["whep"]
        country = ["DE", "AT"]
        [limits]
        cpu-ms = 20
        wall-ms = 3_000
        init-ms = 4000
        memory-mib = 64
        hostcall-kib = 0x80
        queue = 0
        queue-ms = 700
        [failure]
        load = "closed"
        init = "open"
        trap = "open"
        deadline = "last-good"
        error = "open"
        saturated = "open"
        [grants]
        kv = { scope = "node", space = "shared", max-mib = 16 }
        http = [
            { origin = "HTTPS://Id.Example:443/", timeout-ms = 500, max-kib = 10, headers = { X-Key = "k" } },
            { origin = "http://[::1]:8080", private = true },
        ]
        [rollout]
        canary = 1.0
        probation-s = 60
        [trust]
        sha256 = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
        [config]
        token = "x"
        keys = [{ id = 1, on = true, share = 0.5, since = 2026-01-02 }]
        "#,
    )
    .unwrap();
    assert!(!manifest.enabled);
    assert_eq!((manifest.phase, manifest.priority), (Phase::Early, -5));
    let settings = &manifest.settings;
    assert_eq!((settings.isolation, settings.instances), (Isolation::Call, 3));
    assert_eq!(settings.hooks.as_deref(), Some(&["auth".to_owned()][..]));
    let expected = Limits {
        cpu: Duration::from_millis(20),
        wall: Duration::from_secs(3),
        init: Duration::from_secs(4),
        memory: 64 << 20,
        hostcall: 128 << 10,
        queue: 0,
        queue_wait: Duration::from_millis(700),
    };
    assert_eq!(settings.limits, expected);
    let policies = FaultClass::CALL.map(|class| manifest.failure.policy(Hook::Auth, class).name());
    assert_eq!(policies, ["open", "last-good", "open", "open"]);
    assert_eq!(manifest.failure.of_version(FaultClass::Load), Policy::Closed);
    let kv = settings.grants.kv.as_ref().unwrap();
    assert_eq!((kv.space.as_str(), kv.max_bytes), ("shared", 16 << 20));
    let [id, local] = settings.grants.http.as_deref().unwrap() else { panic!("{:?}", settings.grants.http) };
    assert_eq!(
        (id.origin.as_str(), id.timeout, id.max_bytes),
        ("https://id.example", Duration::from_millis(500), 10_240)
    );
    assert_eq!(id.headers, [("x-key".to_owned(), "k".to_owned())]);
    assert_eq!((local.origin.as_str(), local.private, local.max_bytes), ("http://[::1]:8080", true, 1 << 20));
    assert_eq!(manifest.pin.unwrap()[..2], [0xba, 0x78]);
    let config = serde_json::json!({
        "token": "x", "keys": [{ "id": 1, "on": true, "share": 0.5, "since": "2026-01-02" }]
    });
    assert_eq!(*settings.config, config);
    assert_eq!(manifest.config.shown(), serde_json::json!({ "keys": 2, "secrets": [] }));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let rows = [
        ("enabld = true", "1: unknown key `enabld`; did you mean `enabled`?"),
        ("\n[limits]\ncpu_ms = 5", "3: unknown key `limits.cpu_ms`; did you mean `limits.cpu-ms`?"),
        ("cpu-ms = 5", "1: unknown key `cpu-ms`; did you mean `limits.cpu-ms`?"),
        ("[limit]\ncpu-ms = 5", "1: unknown key `limit`; did you mean `limits`?"),
        (
            "[failure]\nmemory = \"open\"",
            "2: unknown key `failure.memory`; the keys of [failure] are load, init, trap,",
        ),
        (
            "[grants]\nhttp = [{ orign = \"a\" }]",
            "2: unknown key `grants.http.orign`; did you mean `grants.http.origin`?",
        ),
        ("enabled = 1", "1: `enabled`: expected true or false"),
        ("phase = \"first\"", "1: `phase`: expected \"early\", \"normal\" or \"late\""),
        ("instances = 0", "1: `instances`: 0 is out of range: 1 to 1000 instances"),
        ("[limits]\nwall-ms = 60_001", "2: `limits.wall-ms`: 60001 is out of range: 1 to 60000 milliseconds"),
        ("[limits]\nmemory-mib = \"32\"", "2: `limits.memory-mib`: expected a whole number of MiB"),
        ("[limits]\nqueue = 99999999999999999999", "2: `limits.queue`: 99999999999999999999 is out of range"),
        ("[limits]\nwall-ms = 5", "2: `limits.cpu-ms`: 10 ms of guest code do not fit into 5 ms"),
        ("limits = 3", "1: `limits`: is a table: write [limits]"),
        ("mode = \"x\"", "1: `mode`: expected \"enforce\""),
        (
            "hooks = [\"raw-filter\"]",
            "1: `hooks`: the hook \"raw-filter\" is not offered by this version; it has \"auth\", \"router\", \"ratelimit\" and \"observer\"",
        ),
        ("hooks = [\"aut\"]", "1: `hooks`: \"aut\" is no hook"),
        ("hooks = []", "1: `hooks`: is empty"),
        (
            "[match]\naction = [\"play\",\n\"watch\"]",
            "3: `match.action`: `watch`: expected \"publish\", \"play\" or \"admin\"",
        ),
        ("[match]\nstream = [\"a b\"]", "2: `match.stream`: `a b` is no stream pattern"),
        ("[match]\ncountry = [\"!DE\"]", "2: `match.country`: `!` excludes only in `stream`"),
        ("[match]\ncountry = \"DE\"", "2: `match.country`: expected a list of texts"),
        ("[match]\nprotocol = []", "2: `match.protocol`: is empty"),
        ("[grants]\nkv = { scope = \"cluster\" }", "2: `grants.kv.scope`: \"cluster\" comes with the cluster"),
        ("[grants]\nkv = { space = \"A b\" }", "2: `grants.kv.space`: a space is named like a plugin"),
        ("[grants]\nkv = true", "2: `grants.kv`: is a table"),
        ("[grants]\nhttp = [{ private = true }]", "2: `grants.http.origin`: is missing"),
        ("[grants]\nhttp = [{ origin = \"ftp://a\" }]", "2: `grants.http.origin`: only https:// and http://"),
        ("[grants]\nhttp = [{ origin = \"https://a/b\" }]", "2: `grants.http.origin`: expected an origin"),
        ("[grants]\nhttp = [{ origin = \"https://u@a\" }]", "2: `grants.http.origin`: expected an origin"),
        (
            "[grants]\nhttp = [{ origin = \"https://a\" },\n{ origin = \"https://A:443\" }]",
            "3: `grants.http.origin`: https://a is granted twice",
        ),
        (
            "[grants]\nhttp = [{ origin = \"https://a\", headers = { Host = \"b\" } }]",
            "2: `grants.http.headers.Host`: is a header that the server sets itself",
        ),
        (
            "[grants]\nhttp = [{ origin = \"https://a\", headers = { x = \"a\\nb\" } }]",
            "2: `grants.http.headers.x`: the value must be",
        ),
        ("[trust]\nsha256 = \"9f2c\"", "2: `trust.sha256`: expected the 64 hexadecimal digits"),
        ("[trust]\nminisign = \"RWQ\"", "2: `trust.minisign`: is no minisign key: write the second line"),
        ("[observer]\nbatch = 0", "2: `observer.batch`: 0 is out of range"),
        ("[filter]\nevery = 1", "1: `filter`: the table is for filters, which this version does not offer"),
        ("config = 1", "1: `config` is a table"),
        ("[config]\nx = [nan]", "2: `config.x[0]`: this number does not fit into JSON"),
        (
            "[config]\nx = { secret = \"y\" }",
            "2: `config.x`: a secret is a reference: write { secret = \"file:PATH\" }",
        ),
        ("[config]\nx = { secret = \"file:/no/such\" }", "2: `config.x`: the secret file /no/such can not be read"),
        ("[config]\nsecret = \"env:HOME\"", "2: `config.secret`: this is no reference here"),
        ("[config.a]\nsecret = \"file:/x\"", "2: `config.a.secret`: this is no reference here"),
        ("[config]\na.secret = \"file:/x\"", "2: `config.a.secret`: this is no reference here"),
        ("[config]\na = { secret = \"env:X\", b = 1 }", "2: `config.a.secret`: this is no reference here"),
        (
            "[config]\nx = { secret = \"env:WASMCAST_NO_SUCH\" }",
            "2: `config.x`: the environment variable WASMCAST_NO_SUCH",
        ),
        ("a = ", "1: this is not valid TOML"),
    ];
    for (text, expected) in rows {
        let error = parse(text).expect_err(text);
        assert!(error.starts_with(&format!("plugins/auth-tenants.toml:{expected}")), "{text}\n{error}");
    }
    let all = parse("phase = 1\nenabled = 2\n[limits]\nqueu = 3").unwrap_err();
    assert_eq!(all.lines().count(), 3, "{all}");
}

#[test]
fn hostile_texts_are_refused() {
    let deep = format!("config = {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let dotted = format!("{}a = 1", "a.".repeat(10_000));
    let many = format!("[match]\nstream = [{}]", "\"a\",".repeat(10_000));
    for text in [deep.as_str(), dotted.as_str(), many.as_str(), "\u{0}", "[config"] {
        assert!(parse(text).is_err());
    }
}

#[test]
fn secrets_are_fetched_and_never_shown() {
    let path = std::env::temp_dir().join(format!("wasmcast-manifest-secret-{}", std::process::id()));
    std::fs::write(&path, "hunter2\n").unwrap();
    let text = format!(
        "[config]\nkey = {{ secret = \"file:{0}\" }}\n[grants]\n\
         http = [{{ origin = \"https://a\", headers = {{ authorization = {{ secret = \"file:{0}\" }} }} }}]",
        path.display()
    );
    let manifest = parse(&text).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(manifest.settings.config["key"], "hunter2");
    assert_eq!(manifest.config.values()["key"], "hunter2");
    assert_eq!(manifest.settings.grants.http.as_ref().unwrap()[0].headers[0].1, "hunter2");
    assert_eq!(manifest.config.shown()["secrets"][0], format!("file:{}", path.display()));
    assert_eq!(manifest.secret_files, std::slice::from_ref(&path));
    assert!(!format!("{manifest:?} {:?}", manifest.settings).contains("hunter2"));
    let gone = Manifest::parse(&text, "a", "a.toml").unwrap_err();
    assert_eq!(gone.secret_files, [path]);
}

#[test]
fn a_key_secret_of_the_plugins_own_is_a_key_like_any() {
    let rows = [
        ("[config]\nsecret = \"plain\"", serde_json::json!({ "secret": "plain" })),
        ("config = { secret = \"plain\" }", serde_json::json!({ "secret": "plain" })),
        (
            "[config]\nsecret = { secret = \"env:HOME\" }",
            serde_json::json!({ "secret": std::env::var("HOME").unwrap() }),
        ),
        ("[config.jwt]\nsecret = \"plain\"", serde_json::json!({ "jwt": { "secret": "plain" } })),
        ("[config]\njwt.secret = \"plain\"", serde_json::json!({ "jwt": { "secret": "plain" } })),
        ("[[config.keys]]\nsecret = \"plain\"", serde_json::json!({ "keys": [{ "secret": "plain" }] })),
        ("[config]\nx = { secret = \"plain\", id = 1 }", serde_json::json!({ "x": { "secret": "plain", "id": 1 } })),
    ];
    for (text, expected) in rows {
        let manifest = parse(text).unwrap();
        assert_eq!(*manifest.config.values(), expected, "{text}");
        assert!(!format!("{manifest:?} {}", manifest.config.shown()).contains("plain"), "{text}");
    }
}

#[test]
fn only_a_changed_config_can_be_told_from_other_changes() {
    let base = parse("priority = 1\n[config]\na = 1").unwrap();
    for (text, expected) in [
        ("priority = 1\n[config]\na = 2", true),
        ("priority = 1", true),
        ("priority = 2\n[config]\na = 1", false),
        ("priority = 1\n[config]\na = 2\n[limits]\nqueue = 1", false),
    ] {
        let other = parse(text).unwrap();
        assert_eq!(base.differs_only_in_config(&other), expected, "{text}");
    }
}

#[test]
fn rights_are_what_is_imported_and_granted() {
    let imports = ["wasmcast:host/log", "wasmcast:host/kv", "wasmcast:host/http", "wasmcast:media/kv"];
    let rows = [
        ("", &[][..], &["kv", "http"][..]),
        ("[grants]\nkv = {}", &["kv"][..], &["http"][..]),
        ("[grants]\nhttp = []", &["http"][..], &["kv"][..]),
        ("[grants]\nkv = {}\nhttp = [{ origin = \"https://a\" }]", &["kv", "http"][..], &[][..]),
    ];
    for (text, expected, missing) in rows {
        let grants = parse(text).unwrap().settings.grants;
        assert_eq!(used(imports.into_iter(), &grants), expected);
        assert_eq!(refused(imports.into_iter(), &grants), missing);
        assert_eq!(granted(&grants), expected);
    }
}
