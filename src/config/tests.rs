//! Every refusal sentence, layering and provenance, through the one door `Sources::load_content`.

use super::*;
use crate::access::{Fallback, random_token};
use crate::media::Codec;

fn sources(environment: &[(&str, &str)], flags: &[(&'static str, &'static str, &str)]) -> Sources {
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let flag = |(name, key, value): &(&'static str, &'static str, &str)| Flag {
        name,
        key,
        value: FlagValue::Text((*value).to_owned()),
    };
    Sources::new(Some("etc/wasmcast.toml".into()), environment, flags.iter().map(flag).collect())
}

fn load(text: &str) -> Result<Loaded, ConfigError> {
    sources(&[], &[]).load_content(Some(text.as_bytes().to_vec()))
}

fn refusal(text: &str) -> String {
    match load(text) {
        Ok(_) => panic!("not refused: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_refusal_names_place_key_and_remedy() {
    let rows = [
        // Unknown keys and sections.
        ("[http]\nlistn = \"x\"", "etc/wasmcast.toml:2: unknown key `http.listn`; did you mean `http.listen`?"),
        ("\nhtpp.listen = \"x\"", "etc/wasmcast.toml:2: unknown key `htpp.listen`; did you mean `http.listen`?"),
        ("listen = \"off\"", "unknown key `listen`; did you mean `http.listen`, `media.listen`,"),
        (
            "[http]\nspeed = 1",
            "unknown key `http.speed`; the keys of [http] are listen, tls, trusted_proxies, cors_origins",
        ),
        ("[quux]\n", "etc/wasmcast.toml:1: unknown key `quux`; the sections are http, media,"),
        ("http = 3", "etc/wasmcast.toml:1: `http` is a section: write [http] and its keys below"),
        ("\"a.b\" = 1", "unknown key `a.b`"),
        ("http.tls = { crt = \"x\", key = \"y\" }", "unknown key `crt`; did you mean `cert`? (known here: cert, key)"),
        (
            "[[access.rules]]\nstream = \"a\"\nallow = \"open\"\n\n[[access.rules]]\nstream = \"b\"\nalow = \"open\"",
            "etc/wasmcast.toml:7: `access.rules[1].alow`: unknown key `alow`; did you mean `allow`?",
        ),
        // Wrong types.
        ("http.listen = 8080", "etc/wasmcast.toml:1: `http.listen`: expected a text in quotes, found a number"),
        ("media.shards = \"two\"", "`media.shards`: expected a whole number from 0 to 65535, found a text"),
        ("media.shards = 1.5", "expected a whole number from 0 to 65535, found a number with a fraction"),
        ("media.shards = 70000", "70000 is out of range: expected a whole number from 0 to 65535"),
        ("media.shards = -1", "-1 is out of range: expected a whole number from 0 to 65535"),
        ("media.shards = 99999999999999999999", "expected a whole number from 0 to 65535, found a number"),
        ("demo.enabled = \"yes\"", "`demo.enabled`: expected true or false, found a text"),
        ("ingest.codecs = \"h264\"", "`ingest.codecs`: expected a list in [ ], found a text"),
        ("log.file = 7", "`log.file`: expected a path in quotes, found a number"),
        ("http.tls = true", "expected \"off\", \"self-signed\" or { cert = \"FILE\", key = \"FILE\" }, found true"),
        ("media.public_address = 4", "expected an IP address in quotes, or a list of them, found a number"),
        ("access.rules = [3]", "`access.rules[0]`: expected a table, found a number"),
        ("access.publish = 0", "`access.publish`: expected a text in quotes, found a number"),
        // Values.
        (
            "http.listen = \"localhost:80\"",
            "no address to listen on; write IP:PORT such as \"127.0.0.1:80\", or \"off\"",
        ),
        ("http.tls = \"on\"", "`on` is not known here; write \"off\", \"self-signed\" or {"),
        ("http.tls = { cert = \"x\" }", "etc/wasmcast.toml:1: `http.tls`: the key `key` is missing"),
        ("http.tls = { cert = \"/no/c\", key = \"/dev/null\" }", "the file /no/c can not be read: No such file"),
        (
            "http.trusted_proxies = [\"10.0.0.0/8\", \"10.0.0.1/8\"]",
            "`http.trusted_proxies[1]`: `10.0.0.1/8` is no network",
        ),
        ("http.cors_origins = [\"example.com\"]", "`http.cors_origins[0]`: `example.com` is no web origin"),
        ("http.cors_origins = [\"https://example.com/\"]", "is no web origin"),
        ("media.public_address = \"0.0.0.0\"", "`0.0.0.0` is no public address"),
        ("media.public_address = [\"host.example\"]", "`host.example` is no public address"),
        ("media.shards = 1000", "etc/wasmcast.toml:1: `media.shards`: 1000 is out of range: 0 to 256 is possible"),
        ("ingest.codecs = []", "`ingest.codecs`: the list is empty"),
        ("ingest.codecs = [\"h264\", \"h264\"]", "`h264` is named twice"),
        ("ingest.codecs = [\"mp3\"]", "`mp3` is no codec; the codecs are h264,"),
        ("ingest.resume = \"soon\"", "`ingest.resume`: `soon` is no length of time"),
        ("ingest.resume = \"601s\"", "`ingest.resume`: 601s is out of range: 0s to 600s is possible"),
        ("ingest.resume = true", "`ingest.resume`: expected a length of time such as \"10s\", found true"),
        ("ingest.on_conflict = \"fight\"", "`fight` is not known here; write \"refuse\" or \"takeover\""),
        ("egress.wait = 61", "`egress.wait`: 61s is out of range: 0s to 60s is possible"),
        ("[[ice.servers]]\nurl = \"turn\"", "`ice.servers[0].url`: `turn` is no STUN or TURN server"),
        ("[[ice.servers]]\nurl = \"turn:a\"", "`ice.servers[0]`: a turn server needs `username` and `credential`"),
        ("log.level = \"loud\"", "`loud` is no log level"),
        ("log.format = \"xml\"", "`xml` is no log format; write \"text\" or \"json\""),
        ("node.name = \"Edge 1\"", "`Edge 1` is no node name"),
        ("demo.size = \"641x480\"", "`641x480` is no picture size"),
        ("demo.name = \"a b\"", "`a b` is no stream name"),
        ("demo.fps = 0", "`demo.fps`: 0 is out of range: 1 to 60"),
        ("demo.bitrate_kbps = 49", "`demo.bitrate_kbps`: 49 is out of range"),
        ("limits.sessions = 0", "`limits.sessions`: 0 is out of range"),
        ("limits.ring_mib = 15", "`limits.ring_mib`: 15 is out of range: 16 to"),
        ("limits.shard_load_percent = 101", "`limits.shard_load_percent`: 101 is out of range: 0 to 100"),
        ("limits.ingest_kbps = 1_000_001", "`limits.ingest_kbps`: 1000001 is out of range: 0 to"),
        ("limits.pending = 0", "`limits.pending`: 0 is out of range: 1 to"),
        ("limits.pending_per_address = 0", "`limits.pending_per_address`: 0 is out of range: 1 to"),
        ("shutdown.grace_s = 3601", "`shutdown.grace_s`: 3601 is out of range"),
        // Secrets.
        ("admin.token = \"letmein\"", "the token written here is too weak"),
        ("admin.token = \"file:/no/such\"", "the secret file /no/such can not be read"),
        (
            "[[access.rules]]\nstream = \"**\"\nallow = \"token\"\ntokens = [\n  \"letmein\",\n]",
            "etc/wasmcast.toml:5: `access.rules[0].tokens[0]`: the token written here is too weak",
        ),
        (
            "[[access.rules]]\nstream = \"**\"\nallow = \"token\"",
            "`access.rules[0]`: allow = \"token\" needs at least one entry",
        ),
        // Keys beside each other.
        ("http.listen = \"127.0.0.1:8081\"", "`admin.listen`: 127.0.0.1:8081 can not be bound beside http.listen"),
        ("admin.listen = \"0.0.0.0:8081\"", "so admin.token must be set; `wasmcast config token` makes one"),
        // The file as such.
        ("[http\n", "etc/wasmcast.toml:1: this is not valid TOML"),
        ("[http]\nlisten = \n", "etc/wasmcast.toml:2: this is not valid TOML"),
    ];
    for (text, expected) in rows {
        let error = refusal(text);
        assert!(error.contains(expected), "{text}\n-- expected: {expected}\n-- found:    {error}");
        assert!(!error.contains("letmein"), "{error}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let error = refusal("[http]\nlisten = 1\nlistn = 2\n[log]\nlevel = \"loud\"\nformat = 3\n");
    let places: Vec<&str> = error.lines().map(|line| &line[..line.find(": ").unwrap()]).collect();
    let file = |line| format!("etc/wasmcast.toml:{line}");
    assert_eq!(places, [file(3), file(2), file(5), file(6)], "{error}");
}

#[test]
fn a_public_listener_needs_access_rules_and_the_refusal_gives_the_lines() {
    let public = "http.listen = \"[::]:8080\"\n";
    let error = refusal(public);
    assert!(error.starts_with("etc/wasmcast.toml:1: `http.listen`: [::]:8080 can be reached"), "{error}");
    let lines: Vec<&str> = error.lines().filter(|line| line.starts_with("    ")).map(str::trim).collect();
    assert_eq!(lines, ["access.publish = \"open\"", "access.play = \"open\""]);
    load(&format!("{}\n{public}", lines.join("\n"))).unwrap();

    let half = "http.listen = \"[::]:8080\"\n[access]\nplay = \"open\"\n";
    let error = refusal(half);
    let lines: Vec<&str> = error.lines().filter(|line| line.starts_with("    ")).map(str::trim).collect();
    assert_eq!(lines, ["publish = \"open\""], "{error}");
    assert!(load(&format!("{half}{}", lines[0])).unwrap().config.access.publish == Some(Fallback::Open));

    let rule = "[[access.rules]]\nstream = \"**\"\nallow = \"open\"\n";
    load(&format!("{public}{rule}")).unwrap();
    let rtmp = refusal("rtmp.listen = \"0.0.0.0:1935\"");
    assert!(rtmp.contains("`rtmp.listen`: 0.0.0.0:1935 can be reached"), "{rtmp}");
    assert!(!load("http.listen = \"[::1]:1\"").unwrap().config.http.listen.is_public());
}

#[test]
fn layers_overlay_each_other_and_are_remembered() {
    let text = "[http]\nlisten = \"127.0.0.1:1000\"\ncors_origins = [\"https://a.example\"]\n[demo]\nfps = 25\nsize = \"640x360\"\n[log]\nlevel = \"warn\"\n";
    let environment = [
        ("WASMCAST_HTTP__LISTEN", "127.0.0.1:2000"),
        ("WASMCAST_DEMO__FPS", "20"),
        ("WASMCAST_LOG__LEVEL", "error"),
        ("WASMCAST_INGEST__CODECS", "vp8,h264"),
        ("WASMCAST_RTMP__LISTEN", "off"),
        ("UNRELATED__THING", "1"),
    ];
    let flags = [("--http", "http.listen", "127.0.0.1:3000"), ("--log-level", "log.level", "debug")];
    let loaded = sources(&environment, &flags).load_content(Some(text.as_bytes().to_vec())).unwrap();
    let config = &loaded.config;
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.media.listen.to_string(), "127.0.0.1:8189");
    assert_eq!((config.demo.fps, config.demo.size.width), (20, 640));
    assert_eq!(config.log.level.to_string(), "debug");
    assert_eq!(config.ingest.codecs.preference()[..3], [Codec::Vp8, Codec::H264, Codec::Opus]);
    let rows = [
        ("http.listen", "flag --http"),
        ("http.cors_origins", "etc/wasmcast.toml:3"),
        ("http.tls", "default"),
        ("media.listen", "default, from http.listen"),
        ("demo.fps", "env WASMCAST_DEMO__FPS"),
        ("demo.size", "etc/wasmcast.toml:6"),
        ("log.level", "flag --log-level"),
        ("rtmp.listen", "env WASMCAST_RTMP__LISTEN"),
        ("node.name", "default, from the host's name"),
    ];
    for (key, origin) in rows {
        assert_eq!(loaded.origin(key).to_string(), origin, "{key}");
    }
}

#[test]
fn problems_of_every_layer_name_it() {
    let rows: [(&[(&str, &str)], &[(&'static str, &'static str, &str)], &str); 5] = [
        (&[("WASMCAST_HTTP__LISTEN", "80")], &[], "env WASMCAST_HTTP__LISTEN: `http.listen`: `80` is no address"),
        (&[("WASMCAST_HTTP__LISTN", "x")], &[], "env WASMCAST_HTTP__LISTN: unknown key `http.listn`; did you mean"),
        (&[("WASMCAST_DEMO__FPS", "many")], &[], "env WASMCAST_DEMO__FPS: `demo.fps`: expected a whole number"),
        (&[], &[("--http", "http.listen", "80")], "flag --http: `http.listen`: `80` is no address"),
        (&[], &[("--http", "http.listen", "0.0.0.0:80")], "flag --http: `http.listen`: 0.0.0.0:80 can be reached"),
    ];
    for (environment, flags, expected) in rows {
        let error = sources(environment, flags).load_content(None).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn the_media_port_follows_the_http_address() {
    let rows = [
        ("http.listen = \"127.0.0.1:0\"", "127.0.0.1:8189"),
        ("http.listen = \"[::]:80\"\naccess.publish = \"open\"\naccess.play = \"open\"", "[::]:8189"),
        ("http.listen = \"off\"", "127.0.0.1:8189"),
        ("http.listen = \"127.0.0.2:80\"\nmedia.listen = \"off\"", "off"),
    ];
    for (text, expected) in rows {
        assert_eq!(load(text).unwrap().config.media.listen.to_string(), expected, "{text}");
    }
}

#[test]
fn tls_and_addresses_are_read_in_each_form() {
    assert_eq!(load("http.tls = \"self-signed\"").unwrap().config.http.tls, Tls::SelfSigned);
    let files = load("[http.tls]\ncert = \"/dev/null\"\nkey = \"/dev/null\"").unwrap();
    assert!(matches!(files.config.http.tls, Tls::Files { .. }));
    let layered = sources(&[("WASMCAST_HTTP__TLS__CERT", "/dev/null")], &[]);
    let layered = layered.load_content(Some(b"http.tls = { cert = \"/no\", key = \"/dev/null\" }".to_vec())).unwrap();
    assert_eq!(layered.config.http.tls, Tls::Files { cert: "/dev/null".into(), key: "/dev/null".into() });
    for (text, expected) in [
        ("\"203.0.113.5\"", vec!["203.0.113.5"]),
        ("[\"203.0.113.5:1000\", \"2001:db8::1\"]", vec!["203.0.113.5:1000", "2001:db8::1"]),
        ("[]", vec![]),
    ] {
        let config = load(&format!("media.public_address = {text}")).unwrap().config;
        let found: Vec<String> = config.media.public_address.iter().map(PublicAddress::to_string).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn missing_and_foreign_files_are_told_apart() {
    let named = Sources::new(Some("/no/such.toml".into()), Vec::new(), Vec::new()).load();
    assert!(named.unwrap_err().to_string().starts_with("the configuration file /no/such.toml can not be read"));
    let directory = Sources::new(Some("/".into()), Vec::new(), Vec::new()).load();
    assert!(matches!(directory, Err(ConfigError::File(..))));
    for (content, expected) in
        [(vec![0xff], "is not UTF-8 text"), (vec![b'#'; 1024 * 1024 + 1], "is longer than 1 MiB")]
    {
        let error = sources(&[], &[]).load_content(Some(content)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_shown_loads_again_and_hides_secrets() {
    let token = random_token();
    let digest: String = crate::access::digest(&token).iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!(
        "admin.token = \"{token}\"\n[access]\nplay = \"open\"\n[[access.rules]]\nstream = \"live/*\"\nallow = \"token\"\n\
         tokens = [\"sha256:{digest}\", {{ sha256 = \"{digest}\", name = \"al \\\"x\\\"\" }}]\n"
    );
    let loaded = load(&text).unwrap();
    let shown = Shown(&loaded).to_string();
    assert!(!shown.contains(&token) && !shown.contains(&digest), "{shown}");
    assert!(!format!("{:?}", loaded.config).contains(&digest));
    for line in [
        "[http]",
        "listen = \"127.0.0.1:8080\"  # default",
        "listen = \"127.0.0.1:8189\"  # default, from http.listen",
        "token = \"***\"  # etc/wasmcast.toml:1",
        "play = \"open\"  # etc/wasmcast.toml:3",
        "# publish is not set  # default",
        "rules = [  # etc/wasmcast.toml:4",
        "codecs = [\"h264\", \"av1\", \"vp9\", \"vp8\", \"h265\"]  # default",
    ] {
        assert!(shown.lines().any(|found| found == line), "{line}\n{shown}");
    }
    assert!(refusal(&shown).contains("`***` is what `wasmcast config show` prints"));
    let turn = "[[ice.servers]]\nurl = \"turn:a\"\nsecret = \"open sesame\"\nttl = \"2h\"\n";
    let told = load(turn).unwrap();
    let shown_turn = Shown(&told).to_string();
    let expected = "  { secret = \"***\", ttl = \"7200s\", url = \"turn:a\" },";
    assert!(shown_turn.lines().any(|line| line == expected), "{shown_turn}");
    assert!(!shown_turn.contains("sesame") && !format!("{:?}", told.config).contains("sesame"));
    assert!(load(&shown_turn).is_err(), "the mask is no secret");
    let restored = shown
        .replace("token = \"***\"", &format!("token = \"{token}\""))
        .replace("\"***\"", &format!("\"sha256:{digest}\""));
    assert_eq!(load(&restored).unwrap().config, loaded.config);
    let json = Shown(&loaded).json();
    assert_eq!(json["admin.token"], serde_json::json!({ "value": "***", "source": "etc/wasmcast.toml:1" }));
    assert_eq!(json["http.listen"]["value"], "127.0.0.1:8080");
}

#[test]
fn harmless_mistakes_are_warned_of() {
    let warnings = load("rtmp.listen = \"127.0.0.1:1935\"\nhttp.country_header = \"cf-ipcountry\"").unwrap().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(load("").unwrap().warnings.is_empty());
    let near = sources(&[("WASMCAST_HTTP_LISTEN", "off")], &[]).load_content(None).unwrap();
    assert!(near.warnings[0].contains("WASMCAST_HTTP__LISTEN"), "{:?}", near.warnings);
}

#[test]
fn placeholder_digests_are_warned_of_by_name() {
    let zero = "0".repeat(64);
    let real = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let text = format!(
        "admin.token = \"sha256:{zero}\"\n[[access.rules]]\nstream = \"**\"\nallow = \"open\"\n\
         [[access.rules]]\nstream = \"**\"\nallow = \"token\"\n\
         tokens = [\"sha256:{real}\", {{ sha256 = \"{zero}\", name = \"alice\" }}]\n"
    );
    let warnings = load(&text).unwrap().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, key) in warnings.iter().zip(["`admin.token`", "`access.rules[1].tokens[1]`"]) {
        assert!(warning.starts_with(key) && warning.contains("`wasmcast config token`"), "{warning}");
    }
    assert!(!load(&example("tokens.toml")).unwrap().warnings.is_empty());
}

fn example(name: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)).unwrap()
}

#[test]
fn the_examples_can_be_used() {
    for name in [
        "wasmcast.toml",
        "tokens.toml",
        "public.toml",
        "turn.toml",
        "jwt.toml",
        "webhook.toml",
        "canary.toml",
        "ratelimit.toml",
    ] {
        let text = example(name);
        assert!(text.lines().count() < 80, "{name}");
        let loaded = load(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Digests in examples are there to be replaced, and say so.
        let other = loaded.warnings.iter().find(|warning| !warning.contains("is a placeholder"));
        assert_eq!(other, None, "{name}");
    }
}

#[test]
fn the_full_example_names_every_key_with_its_default_and_tells_which_apply_live() {
    let text = example("wasmcast.toml");
    assert_eq!(load(&text).unwrap().config, Config::default());
    let mut section = "";
    let mut section_live = false;
    let mut found = std::collections::BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix('[') {
            section = rest.split(']').next().unwrap();
            section_live = line.contains("(live)");
        } else if let Some((name, rest)) = line.trim_start_matches('#').split_once(" = ") {
            found.insert(format!("{section}.{name}"), section_live || rest.contains("(live)"));
        }
    }
    let expected = keys::KEYS.iter().map(|key| (key.path.to_owned(), key.reload == Reload::Live)).collect();
    assert_eq!(found, expected);
}
