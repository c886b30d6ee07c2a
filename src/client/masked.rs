//! Shows a URL without what may be secret in it: tokens in its query, user and password before its host.

/// Query parameters that carry secrets, wherever in their names these stand.
const SECRET: [&str; 7] = ["token", "key", "secret", "pass", "auth", "jwt", "sig"];
const MASK: &str = "***";

/// The URL for logs and messages. A text that is none is treated alike: it may be a URL with a mistake in it.
pub fn masked(url: &str) -> String {
    let (rest, query) = match url.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (url, None),
    };
    let (scheme, rest) = rest.split_at(rest.find("://").map_or(0, |at| at + "://".len()));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut shown = scheme.to_owned();
    match authority.rsplit_once('@') {
        Some((_, host)) => shown.extend([MASK, "@", host]),
        None => shown.push_str(authority),
    }
    shown.push_str(path);
    for (index, parameter) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, _)) if is_secret(name) => shown.extend([name, "=", MASK]),
            _ => shown.push_str(parameter),
        }
    }
    shown
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_not_shown() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/whip/a", "http://127.0.0.1:8080/whip/a"),
            ("https://a.example/whep/b?token=hush", "https://a.example/whep/b?token=***"),
            (
                "https://a.example/whep/b?layer=h&Access_Token=hush&x",
                "https://a.example/whep/b?layer=h&Access_Token=***&x",
            ),
            ("https://a.example/whep/b?token=hu?sh=h&jwt=e.y.J", "https://a.example/whep/b?token=***&jwt=***"),
            ("https://bob:hush@a.example/whep/b", "https://***@a.example/whep/b"),
            ("https://bob:h@ush@[::1]:1/whep/b@c", "https://***@[::1]:1/whep/b@c"),
            ("https://hush@a.example", "https://***@a.example"),
            ("bob:hush@a.example/whip/a", "***@a.example/whip/a"),
            ("a.example/whip/a?token=hush#token=hush", "a.example/whip/a?token=***"),
            ("http://a/whip/cam{i}?key=hush", "http://a/whip/cam{i}?key=***"),
            ("", ""),
            ("?&=", "?&="),
        ] {
            assert_eq!(masked(url), expected, "{url}");
        }
    }
}
