//! The static rules: the first that covers stream and action decides, then the default, then where the server listens.

use super::config::{Allow, Config, Fallback, Token};
use super::{Action, Denial, SecretDigest};

/// What the rules say to the holder of a credential. A yes names the token that opened, where it has a name. `local`: who
/// asks is on this machine; that counts where no rule says anything.
pub(super) fn decide(
    config: &Config,
    loopback_only: bool,
    local: bool,
    action: Action,
    stream: &str,
    presented: Option<&SecretDigest>,
) -> Result<Option<String>, Denial> {
    let rule = config.rules.iter().find(|rule| rule.action.contains(&action) && rule.stream.matches(stream));
    if let Some(rule) = rule {
        return match (rule.allow, presented) {
            (Allow::Open, _) => Ok(None),
            (Allow::Denied, _) => Err(Denial::Forbidden),
            (Allow::Token, None) => Err(Denial::TokenMissing),
            (Allow::Token, Some(presented)) => matching(&rule.tokens, presented),
        };
    }
    match config.fallback(action) {
        Some(Fallback::Open) => Ok(None),
        None if loopback_only && !config.covers(action) => {
            if local {
                Ok(None)
            } else {
                Err(Denial::NotLocal)
            }
        }
        _ => Err(Denial::Forbidden),
    }
}

/// Compares with every token, also after a match, so that the time tells nothing.
fn matching(tokens: &[Token], presented: &SecretDigest) -> Result<Option<String>, Denial> {
    let mut found = None;
    for token in tokens {
        if token.secret.matches_digest(presented) {
            found = Some(token);
        }
    }
    found.map(|token| token.name.clone()).ok_or(Denial::TokenWrong)
}

#[cfg(test)]
mod tests {
    use super::super::digest;
    use super::*;

    const ALICE: &str = "wct_alice-0123456789abcdefghjkmn";
    const BOB: &str = "wct_bob-zyxwvutsrqpnmkjhgfedcba98";

    /// SHA-256 of a text in hexadecimal.
    fn hex(text: &str) -> String {
        digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn rules() -> Config {
        let text = format!(
            r#"
            play = "open"
            [[rules]]
            stream = "live/secret"
            allow = "denied"
            [[rules]]
            stream = "live/**"
            action = ["publish"]
            allow = "token"
            tokens = ["sha256:{}", {{ sha256 = "{}", name = "bob" }}]
            [[rules]]
            stream = "private/*"
            allow = "token"
            tokens = [{{ sha256 = "sha256:{}", name = "alice" }}]
            [[rules]]
            stream = "lobby"
            allow = "open"
            "#,
            hex(ALICE),
            hex(BOB),
            hex(ALICE)
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn the_first_matching_rule_decides() {
        use Action::{Play, Publish};
        let anyone = || Ok(None);
        let named = |name: &str| Ok(Some(name.to_owned()));
        let rows = [
            (Play, "demo", None, anyone()),
            (Publish, "demo", None, Err(Denial::Forbidden)),
            (Publish, "lobby", None, anyone()),
            (Publish, "lobby", Some("whatever"), anyone()),
            (Play, "live/secret", Some(ALICE), Err(Denial::Forbidden)),
            (Publish, "live/secret", Some(ALICE), Err(Denial::Forbidden)),
            (Publish, "live/cam", None, Err(Denial::TokenMissing)),
            (Publish, "live/cam", Some(""), Err(Denial::TokenWrong)),
            (Publish, "live/cam", Some("wct_eve"), Err(Denial::TokenWrong)),
            (Publish, "live/cam", Some(ALICE), anyone()),
            (Publish, "live/a/b", Some(BOB), named("bob")),
            (Play, "live/cam", None, anyone()),
            (Play, "private/x", None, Err(Denial::TokenMissing)),
            (Play, "private/x", Some(BOB), Err(Denial::TokenWrong)),
            (Play, "private/x", Some(ALICE), named("alice")),
            (Publish, "private/x", Some(ALICE), named("alice")),
        ];
        for loopback_only in [true, false] {
            for (action, stream, token, expected) in &rows {
                for local in [true, false] {
                    let found = decide(&rules(), loopback_only, local, *action, stream, token.map(digest).as_ref());
                    assert_eq!(&found, expected, "{action} {stream} {token:?}");
                }
            }
        }
    }

    #[test]
    fn without_rules_only_loopback_is_open_and_only_to_this_machine() {
        let rows = [
            (true, true, Ok(None)),
            (true, false, Err(Denial::NotLocal)),
            (false, true, Err(Denial::Forbidden)),
            (false, false, Err(Denial::Forbidden)),
        ];
        for (loopback_only, local, expected) in rows {
            for action in [Action::Publish, Action::Play] {
                assert_eq!(decide(&Config::default(), loopback_only, local, action, "demo", None), expected);
            }
        }
        let denied = Config { play: Some(Fallback::Denied), ..Config::default() };
        assert_eq!(decide(&denied, true, true, Action::Play, "demo", None), Err(Denial::Forbidden));
    }

    #[test]
    fn senseless_rules_are_refused_with_what_to_do() {
        let rows = [
            ("publish = \"token\"", "\"open\" or \"denied\""),
            ("publish = 1", "string"),
            ("[[rules]]\nallow = \"open\"", "stream"),
            ("[[rules]]\nstream = \"a\"", "allow"),
            ("[[rules]]\nstream = \"a\"\nallow = \"tokn\"", "\"open\", \"denied\" or \"token\""),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"", "at least one entry"),
            ("[[rules]]\nstream = \"a\"\nallow = \"open\"\naction = []", "never be used"),
            ("[[rules]]\nstream = \"a\"\nallow = \"open\"\naction = [\"watch\"]", "\"publish\" or \"play\""),
            ("[[rules]]\nstream = \"a b\"\nallow = \"open\"", "no stream pattern"),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"\ntokens = [\"letmein\"]", "wasmcast config token"),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"\ntokens = [{ sha256 = \"12\" }]", "64 hexadecimal digits"),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"\ntokens = [7]", "sha256:HEX"),
            ("[[rules]]\nstream = \"a\"\nallow = \"token\"\ntokens = [{ name = \"x\" }]", "sha256"),
            ("[[rules]]\nstream = \"a\"\nallow = \"open\"\nwhen = 1", "when"),
        ];
        for (text, expected) in rows {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}\n{error}");
        }
        let unused = format!("[[rules]]\nstream = \"a\"\nallow = \"open\"\ntokens = [\"sha256:{}\"]", hex(ALICE));
        assert!(toml::from_str::<Config>(&unused).unwrap_err().to_string().contains("does not look at tokens"));
    }

    #[test]
    fn tokens_are_shown_masked() {
        let shown = serde_json::to_string(&rules()).unwrap();
        assert!(shown.contains(r#"{"sha256":"***","name":"bob"}"#), "{shown}");
        assert!(!shown.contains(&hex(ALICE)));
        assert!(!format!("{:?}", rules()).contains(&hex(ALICE)));
    }
}
