//! The STUN and TURN servers that a session is told of: Link headers (RFC 9725, 4.6), with logins that expire where they are
//! made here.

use crate::access::Password;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use std::time::{Duration, SystemTime};

/// A STUN or TURN server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// As in RFC 7064 and RFC 7065; printable ASCII without quotes, blanks and angle brackets.
    pub url: String,
    pub login: Login,
}

/// What a client shows to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Nothing, as to STUN servers.
    None,
    /// The same for everyone.
    Fixed { username: String, credential: Password },
    /// One for each session, made from a secret that the TURN server knows too (draft-uberti-behave-turn-rest-00).
    Made { secret: Password, ttl: Duration },
}

/// Characters of a subject that go into a username.
const MAX_SUBJECT: usize = 64;

impl IceServer {
    /// The value of a Link header. `subject`: who the session is for, where a plugin told.
    pub(super) fn link(&self, subject: Option<&str>, now: SystemTime) -> String {
        let login = match &self.login {
            Login::None => None,
            Login::Fixed { username, credential } => Some((username.clone(), credential.reveal().to_owned())),
            Login::Made { secret, ttl } => {
                let username = username(subject, now + *ttl);
                let credential = credential(secret.reveal(), &username);
                Some((username, credential))
            }
        };
        let login = login.map_or_else(String::new, |(username, credential)| {
            format!(
                "; username={}; credential={}; credential-type=\"password\"",
                quoted(&username),
                quoted(&credential)
            )
        });
        format!("<{}>; rel=\"ice-server\"{login}", self.url)
    }
}

/// When the login ends, in seconds since 1970, and who it is for.
fn username(subject: Option<&str>, ends: SystemTime) -> String {
    let ends = ends.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    // Whatever a plugin chose, it must stay one word in a header and in the TURN server's log.
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.@".contains(c) { c } else { '_' };
    let subject: String = subject.unwrap_or_default().chars().take(MAX_SUBJECT).map(plain).collect();
    if subject.is_empty() { ends.to_string() } else { format!("{ends}:{subject}") }
}

fn credential(secret: &str, username: &str) -> String {
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A quoted-string (RFC 9110, 5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(login: Login, subject: Option<&str>) -> String {
        let server = IceServer { url: "turn:turn.example:3478?transport=udp".to_owned(), login };
        server.link(subject, SystemTime::UNIX_EPOCH + Duration::from_secs(1_433_808_965))
    }

    #[test]
    fn links_tell_the_login() {
        assert_eq!(link(Login::None, Some("alice")), "<turn:turn.example:3478?transport=udp>; rel=\"ice-server\"");
        let fixed = Login::Fixed {
            username: "a \"b\"".to_owned(),
            credential: Password::read("back\\slash").expect("it is not empty"),
        };
        assert_eq!(
            link(fixed, Some("alice")),
            "<turn:turn.example:3478?transport=udp>; rel=\"ice-server\"; username=\"a \\\"b\\\"\"; \
             credential=\"back\\\\slash\"; credential-type=\"password\""
        );
    }

    #[test]
    fn made_logins_expire_and_can_be_checked_by_the_turn_server() {
        let made = || Login::Made {
            secret: Password::read("north").expect("it is not empty"),
            ttl: Duration::from_secs(86_400),
        };
        // The credential by another hand: printf %s NAME | openssl dgst -sha1 -hmac north -binary | base64
        let rows = [
            (None, "1433895365", "TrxfC0ffU2VtMd1eLFG6BQMMPJk="),
            (Some("12334"), "1433895365:12334", "Ue9Jc1I6UkDFm49L7CC9Ev0Hbzc="),
            (Some("al\"i ce\u{e9}"), "1433895365:al_i_ce_", "R0AzpE/TXlUaSxVDc9L+0v2E18Y="),
        ];
        for (subject, username, credential) in rows {
            let expected = format!(
                "<turn:turn.example:3478?transport=udp>; rel=\"ice-server\"; username=\"{username}\"; \
                 credential=\"{credential}\"; credential-type=\"password\""
            );
            assert_eq!(link(made(), subject), expected);
        }
        assert!(!format!("{:?}", made()).contains("north"));
    }
}
